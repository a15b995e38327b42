"""Duplicates and flags against splits in which every count is known by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.data.dataset import Dataset, Split
from bench.data.inspection import duplicates, flags, without_duplicates
from bench.data.row import DatasetRow
from bench.data.table import DATASETS
from bench.errors import UserError
from bench.records.flags import duplicate_lines, flag_notes
from bench.runs.facts import temperature_flags


def split(levels: list[int], y: list[Any]) -> Split:
    """Images of 2x2 pixels, each of one level in channel 0 and of its double in channel 1."""
    images = np.array(levels, np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)
    both = np.concatenate([images, 2 * images], axis=3)
    regression = isinstance(y[0], float)
    return Split(
        images_BHWQ=both, y_B=np.array(y, np.float32) if regression else np.array(y, np.int64)
    )


def dataset(**changes: Any) -> Dataset:
    options: dict[str, Any] = {
        "name": "own", "task": "classification", "n_classes": 2, "class_names": ("cat", "dog"),
        "train": split([1, 2, 3, 3], [0, 1, 0, 1]),
        "val": split([2, 9], [1, 0]),
        "test": split([1, 3, 3, 9, 8], [1, 0, 1, 0, 0]),
    }  # fmt: skip
    return Dataset(**(options | changes))


def test_duplicates_are_counted_by_pair_and_label() -> None:
    # Level 3 is in train with both labels: a copy in test has another label than one of them.
    counts = duplicates(dataset())
    assert counts == {
        "train_val": 1, "train_val_other_label": 0,
        "train_test": 3, "train_test_other_label": 3,
        "val_test": 1, "val_test_other_label": 0,
    }  # fmt: skip
    assert duplicate_lines(counts) == [
        "1 validation image is in training too (exact duplicates)",
        "3 test images are in training too (exact duplicates), 3 of them with another label",
        "1 test image is in validation too (exact duplicates)",
    ]


def test_duplicates_of_test_images_are_dropped_from_train_and_val() -> None:
    left = without_duplicates(dataset(), name="own-dedup")
    assert left.name == "own-dedup"
    assert left.train.images_BHWQ[:, 0, 0, 0].tolist() == [2]
    assert left.train.y_B.tolist() == [1]
    assert left.val.images_BHWQ[:, 0, 0, 0].tolist() == [2]
    assert len(left.test.y_B) == 5
    with pytest.raises(UserError, match="dataset own: all images of val occur in test"):
        without_duplicates(dataset(val=split([9], [0])), name="x")


def test_a_row_without_duplicates_and_back() -> None:
    row: DatasetRow = DATASETS["breast"].deduplicated()
    assert (row.name, row.drop_duplicates) == ("breast-dedup", True)
    assert row.base == DATASETS["breast"]
    assert row.deduplicated() == row


def test_small_classes_and_constant_channels() -> None:
    assert flags(dataset())[0] == "2 classes have under 5 images in train: cat has 2"
    many = split([1] * 5 + [2] * 5, [0] * 5 + [1] * 5)
    assert flags(dataset(train=many, val=many, test=many)) == []
    few = split([7] * 9, [0] * 5 + [1] * 4)
    assert flags(dataset(train=few, val=many, test=many)) == [
        "constant channels [0, 1] in train", "1 class has under 5 images in train: dog has 4",
    ]  # fmt: skip


FAR = "{} targets in {} lie more than 10 interquartile ranges from the quartiles of train"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        # Quartiles .25 and .75: 10 interquartile ranges reach to -4.75 and 5.75.
        ([0.0, 0.25, 0.5, 0.75, 1.0], []),
        (
            [*np.linspace(0, 1e-3, 11).tolist(), 1.0],
            [FAR.format("1 of 12", "train")],
        ),
        ([0.0, 1e-6, 2e-6, 1.0], [FAR.format("1 of 4", "train")]),  # one squashes the others
        ([0.5] * 4 + [1.0], ["at least half of the training targets are the same"]),
    ],
)
def test_far_targets(targets: list[float], expected: list[str]) -> None:
    y = split(list(range(len(targets))), [0.5] * len(targets))
    train = Split(images_BHWQ=y.images_BHWQ, y_B=np.array(targets, np.float32))
    plain = split([1, 2], targets[:2])
    regression: dict[str, Any] = {"task": "regression", "n_classes": 0, "class_names": ()}
    assert flags(dataset(train=train, val=plain, test=plain, **regression)) == expected
    if not expected:  # beyond the range of train
        far = split([1, 2, 3], [0.5, 1e30, -1e30])
        found = flags(dataset(train=train, val=plain, test=far, **regression))
        assert found == [FAR.format("2 of 3", "test")]


@pytest.mark.parametrize(
    ("temperature", "flagged"), [(148.4, True), (0.00674, True), (147, True), (100.0, False)]
)
def test_a_temperature_at_its_bound(temperature: float, flagged: bool) -> None:
    assert bool(temperature_flags(dataset(), temperature)) == flagged


def test_notes_say_once_what_all_runs_share() -> None:
    facts = SimpleNamespace(name="own", duplicates={"train_test": 2}, flags=["odd"])
    plain = SimpleNamespace(name="own", duplicates={"train_test": 2}, flags=[])
    records: Any = [SimpleNamespace(dataset=one) for one in (facts, plain)]
    assert flag_notes(records) == [
        "own: 2 test images are in training too (exact duplicates)", "own: odd (1 of 2 runs)",
    ]  # fmt: skip
    assert flag_notes([]) == []
