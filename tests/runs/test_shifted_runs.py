"""What a run trains on and is tested on: augmented, corrupted in part, and read set by set."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.row import DatasetRow
from bench.data.table import DATASETS, find
from bench.records.store import StorageError
from bench.runs.loaded import corrupted_tests, load_dataset
from bench.runs.run import run_one
from bench.shift import table as corruptions
from bench.shift.table import corrupt
from bench.training.inputs import Normalise
from bench.training.loop import batches
from methods.ensemble import member_seed
from runs.oracles import arrays_of, scores
from runs.own_files import classes_folder, classes_npz
from runs.tiny_runs import FEW_CORRUPTIONS, Cli, Run, config

CPU = torch.device("cpu")
METHODS: dict[str, dict[str, Any]] = {
    "standard": {},
    "mc_dropout": {"rate": 0.3},
    "batch_ensemble": {"n_members": 2},
    "sae": {"n_inputs": 2, "n_exits": 2},
}


# ---------------------------------------------------------------- augmentation


class Seen:
    """The uint8 images that networks are given: in training, and in evaluation."""

    def __init__(self) -> None:
        self.trained: list[Tensor] = []
        self.evaluated: list[Tensor] = []


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found, normalise = Seen(), Normalise.__call__

    def spy(self: Normalise, images_BQHW: Tensor) -> Tensor:
        learns = torch.is_grad_enabled()
        (found.trained if learns else found.evaluated).append(images_BQHW.clone())
        return normalise(self, images_BQHW)

    monkeypatch.setattr(Normalise, "__call__", spy)
    return found


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> DatasetRow:
    spec = classes_npz(tmp_path_factory.mktemp("own") / "cells.npz")
    return dataclasses.replace(find(spec, task="classification"), augment="crop_flip")


def train_images(
    seen: Seen, cache: Path, row: DatasetRow, method: str = "standard", *, seed: int = 0,
    augment: str = "dataset", **settings: Any,
) -> list[Tensor]:  # fmt: skip
    """The training images of a run, batch by batch."""
    training = {"epochs": 2, "batch_size": 16, "augment": augment}
    chosen = config(method, seed=seed, training=training, **settings)
    chosen = dataclasses.replace(chosen, dataset=row.name)
    seen.trained.clear()
    seen.evaluated.clear()
    run_one(chosen, data=None, cache=cache, device=CPU, row=row)
    return list(seen.trained)


def channels_first(images_BHWQ: Any) -> Tensor:
    return torch.from_numpy(images_BHWQ).permute(0, 3, 1, 2)


def plain(dataset: Dataset, seed: int = 0) -> list[Tensor]:
    """The training images as they are, in the order of training: two epochs of batches of 16."""
    images_BQHW = channels_first(dataset.train.images_BHWQ)
    return [images_BQHW[rows] for epoch in (0, 1)
            for rows in batches(len(images_BQHW), 16, seed, epoch)]  # fmt: skip


def assert_same(first: list[Tensor], second: list[Tensor]) -> None:
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_every_method_of_a_seed_trains_on_the_same_augmented_images(
    seen: Seen, cache: Path, own: DatasetRow
) -> None:
    first = train_images(seen, cache, own)
    for method, settings in METHODS.items():
        assert_same(train_images(seen, cache, own, method, **settings), first)
    raw = plain(load_dataset(own, None, cache))
    assert [b.shape for b in first] == [b.shape for b in raw]
    # One of 3 x 3 windows x 2: as it is, an image stays in 1 of 18 cases.
    untouched = sum(int((a == b).flatten(1).all(1).sum()) for a, b in zip(first, raw, strict=True))
    assert 0 <= untouched < 30 < sum(map(len, raw))
    other = train_images(seen, cache, own, seed=1)
    assert not torch.equal(other[0], first[0])


def test_an_ensembles_members_train_on_the_images_of_their_own_seeds(
    seen: Seen, cache: Path, own: DatasetRow
) -> None:
    together = train_images(seen, cache, own, "ensemble", n_members=2)
    apart = [train_images(seen, cache, own, seed=member_seed(0, m)) for m in (0, 1)]
    n_steps = len(apart[0]) // 2  # of an epoch; the members take turns
    expected = [part[epoch * n_steps :][:n_steps] for epoch in (0, 1) for part in apart]
    assert_same(together, [batch for part in expected for batch in part])


def test_validation_test_and_corrupted_images_are_never_augmented(
    seen: Seen, own: DatasetRow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # One that draws at random, so that the name it is drawn for counts too.
    noise = {row.name: row for row in corruptions._TABLE if row.name == "gaussian_noise"}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", noise)
    train_images(seen, tmp_path, own)
    dataset = load_dataset(own, None, tmp_path)
    shifted = [corrupt(dataset.test.images_BHWQ, name=name, severity=severity, key=own.name)
               for name in noise for severity in range(1, 6)]  # fmt: skip
    val = dataset.val.images_BHWQ
    expected = [val, val, val, dataset.test.images_BHWQ, *shifted]  # two epochs, then the run's end
    assert_same(seen.evaluated, [channels_first(images) for images in expected])


def test_the_training_setting_overrides_the_row(seen: Seen, cache: Path, own: DatasetRow) -> None:
    raw = plain(load_dataset(own, None, cache))
    assert_same(train_images(seen, cache, own, augment="none"), raw)
    found = torch.cat(train_images(seen, cache, own, augment="flip"))
    images = torch.cat(raw)
    same, mirrored = ((found == each).flatten(1).all(1) for each in (images, images.flip(3)))
    assert (same ^ mirrored).all()
    assert 30 < int(same.sum()) < 90  # of 120
    assert not torch.equal(same[:60], same[60:])  # drawn anew in every epoch
    without = dataclasses.replace(own, augment="none")
    assert_same(train_images(seen, cache, without), raw)
    crop = train_images(seen, cache, own)
    assert_same(train_images(seen, cache, without, augment="crop_flip"), crop)


# ---------------------------------------------------------------- the part that is corrupted


def test_a_part_of_the_test_split_is_corrupted_with_its_labels(
    seen: Seen, run: Run, cache: Path
) -> None:
    row = dataclasses.replace(DATASETS["digits"], shift_images=100)
    record, files = run_one(config(), data=None, cache=cache, device=CPU, row=row)
    dataset = load_dataset(row, None, cache)
    part = dataset.shift_test
    assert record.dataset.shift_images == len(part.y_B) == 100
    # Rows of the test split with their labels, none of them twice.
    whole = Counter((i.tobytes(), int(y)) for i, y in
                    zip(dataset.test.images_BHWQ, dataset.test.y_B, strict=True))  # fmt: skip
    drawn = Counter((i.tobytes(), int(y)) for i, y in
                    zip(part.images_BHWQ, part.y_B, strict=True))  # fmt: skip
    assert drawn <= whole
    expected = np.bincount(dataset.test.y_B) * 100 / 360
    assert np.abs(np.bincount(part.y_B) - expected).max() < 1

    arrays = arrays_of(files)
    assert np.array_equal(arrays["ood/y"], part.y_B)
    sets = [corrupt(part.images_BHWQ, name=name, severity=severity, key="digits")
            for name in FEW_CORRUPTIONS for severity in range(1, 6)]  # fmt: skip
    assert_same(seen.evaluated[-10:], [channels_first(images) for images in sets])
    for name in FEW_CORRUPTIONS:
        for severity, found in record.metrics.corruptions[name].items():
            p_BC = np.exp(arrays[f"ood/{name}/{severity}"].astype(np.float64))
            assert p_BC.shape == (100, 10)
            for metric, value in scores(p_BC, arrays["ood/y"]).items():
                if metric != "ece":  # float32 moves a confidence over the edge of a bin
                    assert found[metric] == pytest.approx(value, abs=1e-5), (name, metric)
    # All of the rest is as without it.
    usual, usual_files = run()
    assert len(arrays_of(usual_files)["ood/y"]) == 360
    for key in ("history", "temperature", "cost", "run_id"):
        assert getattr(record, key) == getattr(usual, key)
    for split in ("val", "test"):
        assert getattr(record.metrics, split) == getattr(usual.metrics, split)
    assert files["weights.safetensors"] == usual_files["weights.safetensors"]


# ---------------------------------------------------------------- what cannot be kept


def test_corrupted_sets_that_cannot_be_kept_are_the_users_to_mend(
    cli: Cli, results: Path, trained: list[str]
) -> None:
    (results / ".cache").unlink()
    (results / ".cache").write_text("a file in the place of the folder")
    with pytest.raises(StorageError, match="File exists"):
        list(corrupted_tests(load_dataset("digits", None), results / ".cache"))
    code, _, err = cli()
    assert (code, trained) == (2, [])
    assert f"error: results folder {results}: File exists; make room or rights there" in err


def test_decoded_images_that_can_not_be_kept_are_the_users_to_mend(
    cli: Cli, results: Path, trained: list[str], tmp_path: Path
) -> None:
    spec = classes_folder(tmp_path / "cells")
    (results / ".cache").unlink()
    (results / ".cache").write_text("a file in the place of the folder")
    code, _, err = cli("--datasets", spec, "--task", "classification")
    assert (code, trained) == (2, [])
    assert str(results) in err
    assert "File exists" in err
    assert err.count("\n") == 1
