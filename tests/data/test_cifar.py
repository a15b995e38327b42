"""CIFAR in torchvision's folders and the corrupted sets of Hendrycks, in tiny made folders."""

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import encoded, write
from test_tiny_imagenet import ROW as TINY_ROW
from test_tiny_imagenet import put, tiny_files

from bench.data.dataset import Dataset
from bench.data.row import DatasetRow
from bench.data.table import DATASETS, load
from bench.errors import DataUnavailable, UserError
from bench.runs.facts import dataset_facts
from bench.runs.loaded import corrupted_tests

CIFAR_10, CIFAR_100 = DATASETS["cifar10"], DATASETS["cifar100"]


def batch(levels: list[int], labels: list[int], key: str = "labels") -> bytes:
    """Images of one red level each, green 1, blue 2, in the order of the official files."""
    data = np.zeros((len(levels), 3, 32, 32), np.uint8)
    data[:, 0] = np.array(levels)[:, None, None]
    data[:, 1], data[:, 2] = 1, 2
    return pickle.dumps({"data": data.reshape(len(levels), -1), key: labels}, protocol=2)


def cifar_10() -> dict[str, bytes]:
    top = "cifar-10-batches-py"
    files = {f"{top}/data_batch_{k}": batch(list(range(20)), list(range(10)) * 2)
             for k in range(1, 6)}  # fmt: skip
    files[f"{top}/test_batch"] = batch([50, 60, 70], [9, 0, 3])
    names = {"label_names": [f"name {k}" for k in range(10)]}
    return files | {f"{top}/batches.meta": pickle.dumps(names, protocol=2)}


def cifar_10_c(folder: Path) -> None:
    """Severity s of the test image of level l has level l + s; contrast has 10 more."""
    folder.mkdir()
    np.save(folder / "labels.npy", np.array([9, 0, 3] * 5))
    for name, more in (("fog", 0), ("contrast", 10)):
        levels = np.array([level + s + more for s in range(1, 6) for level in (50, 60, 70)])
        images = np.zeros((15, 32, 32, 3), np.uint8) + levels.astype(np.uint8)[:, None, None, None]
        np.save(folder / f"{name}.npy", images)


def first(images_BHWQ: Any) -> list[int]:
    levels: list[int] = images_BHWQ[:, 0, 0, 0].tolist()
    return levels


def test_cifar_10(tmp_path: Path) -> None:
    write(tmp_path, cifar_10())
    dataset = load("cifar10", data=tmp_path)
    assert dataset.class_names[9] == "name 9"
    assert [len(split.y_B) for split in dataset.splits.values()] == [90, 10, 3]
    assert sorted(dataset.val.y_B.tolist()) == list(range(10))
    assert dataset.test.y_B.tolist() == [9, 0, 3]
    assert dataset.test.images_BHWQ[:, 3, 4].tolist() == [[50, 1, 2], [60, 1, 2], [70, 1, 2]]
    for split in (dataset.train, dataset.val):
        assert (split.images_BHWQ[:, 0, 0, 0] % 10 == split.y_B).all()
    assert dataset.shift is None


def test_cifar_100_takes_the_fine_labels(tmp_path: Path) -> None:
    names = {"fine_label_names": [f"n{k}" for k in range(100)], "coarse_label_names": ["c"] * 20}
    levels = [*range(100)] * 10
    write(tmp_path / "cifar-100-python", {
        "train": batch(levels, levels, "fine_labels"),
        "test": batch([7, 8], [99, 1], "fine_labels"),
        "meta": pickle.dumps(names, protocol=2),
    })  # fmt: skip
    dataset = load("cifar100", data=tmp_path)
    assert (dataset.n_classes, dataset.class_names[99]) == (100, "n99")
    assert dataset.test.y_B.tolist() == [99, 1]


def sets(dataset: Dataset, tmp_path: Path) -> dict[tuple[str, int], list[int]]:
    found = corrupted_tests(dataset, tmp_path / "results" / ".cache")
    return {(name, severity): first(images) for name, severity, images in found}


def test_cifar_10_c_is_the_shift_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, cifar_10())
    plain = load("cifar10", data=tmp_path)
    cifar_10_c(tmp_path / "CIFAR-10-C")
    dataset = load("cifar10", data=tmp_path)
    assert dataset.fingerprint != plain.fingerprint
    assert dataset.shift_test.y_B.tolist() == [9, 0, 3]
    assert sets(dataset, tmp_path) == {
        (name, s): [level + s + more for level in (50, 60, 70)]
        for name, more in (("contrast", 10), ("fog", 0)) for s in range(1, 6)
    }  # fmt: skip
    assert dataset_facts(dataset, CIFAR_10, 1.0).corruptions[1] == "CIFAR-10-C, 2 kinds"
    assert not (tmp_path / "results").exists()


def test_a_subset_of_the_shift_has_the_labels_of_its_images(tmp_path: Path) -> None:
    files = cifar_10()
    files["cifar-10-batches-py/test_batch"] = batch(list(range(40)), list(range(10)) * 4)
    write(tmp_path, files)
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    np.save(folder / "labels.npy", np.tile(np.arange(10), 20))
    level = np.tile(np.arange(40), 5).astype(np.uint8)
    np.save(folder / "fog.npy", np.zeros((200, 32, 32, 3), np.uint8) + level[:, None, None, None])
    row: Any = {field: getattr(CIFAR_10, field) for field in CIFAR_10.__dataclass_fields__}
    dataset = load(DatasetRow(**(row | {"shift_images": 20})), data=tmp_path)
    assert sorted(dataset.shift_test.y_B.tolist()) == sorted([*range(10)] * 2)
    for levels in sets(dataset, tmp_path).values():
        assert [level % 10 for level in levels] == dataset.shift_test.y_B.tolist()


def test_tiny_imagenet_c(tmp_path: Path) -> None:
    put(tmp_path, tiny_files(), zipped=True)
    files = {
        f"{name}/{s}/{wnid}/test_{k}.JPEG": encoded(np.full((64, 64), 10 * k + s), "JPEG")
        for name in ("fog", "snow") for s in range(1, 6)
        for k, wnid in enumerate(("n2", "n1", "n2"))
    }  # fmt: skip
    write(tmp_path / "Tiny-ImageNet-C", files)
    dataset = load(TINY_ROW, data=tmp_path)
    assert dataset.shift_test.y_B.tolist() == [0, 1, 1]
    assert sets(dataset, tmp_path) == {
        (name, s): [10 + s, s, 20 + s] for name in ("fog", "snow") for s in range(1, 6)
    }
    (tmp_path / "Tiny-ImageNet-C/snow/3/n2/test_0.JPEG").unlink()
    with pytest.raises(UserError, match=r"snow/3: cannot read n2/test_0.JPEG: .*No such file"):
        sets(load(TINY_ROW, data=tmp_path), tmp_path)
    write(tmp_path / "Tiny-ImageNet-C", {"fog/1/n9/x.JPEG": b""})
    with pytest.raises(UserError, match=r"fog/1: n9/x.JPEG is in no folder of a class"):
        load(TINY_ROW, data=tmp_path)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("bombed",))


def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataUnavailable, match=r"looked for cifar-10-batches-py in .* --data"):
        load("cifar10", data=tmp_path)
    top = "cifar-10-batches-py"
    for name, content, message in (
        (
            "test_batch",
            pickle.dumps({"data": Bomb(), "labels": []}),
            r"names posix\.mkdir: only arr",
        ),
        ("test_batch", b"no pickle", "cannot read .*test_batch"),
        ("test_batch", pickle.dumps({"labels": [1]}, 2), "test_batch: lacks 'data'"),
        ("test_batch", pickle.dumps({"data": "x", "labels": [1]}, 2), r"shape \(1, 3072\)"),
        ("test_batch", batch([1], [10]), "split 'test': label 10 is out of range"),
        ("test_batch", pickle.dumps({"data": "x", "labels": [1.5]}, 2), "test_batch: .* float64"),
        ("test_batch", pickle.dumps({"data": "x", "labels": [None]}, 2), "test_batch: .* object"),
        ("test_batch", pickle.dumps({"data": "x", "labels": 3}, 2), r"test_batch: .* shape \(\)"),
        ("test_batch", pickle.dumps({"data": "x", "labels": [[], [1]]}, 2), "test_batch: .*shape"),
        (
            "batches.meta",
            pickle.dumps({"label_names": ["a\nb", *range(9)]}, 2),
            r"class name 'a\\nb': must be one line",
        ),
        ("data_batch_3", batch([1, 2], [1]), r"data_batch_3: data must be uint8 of shape \(1, 30"),
    ):
        write(tmp_path, cifar_10() | {f"{top}/{name}": content})
        with pytest.raises(UserError, match=message):
            load("cifar10", data=tmp_path)
    assert not (tmp_path / "bombed").exists()
    write(tmp_path, cifar_10())
    cifar_10_c(tmp_path / "CIFAR-10-C")
    (tmp_path / "CIFAR-10-C/._fog.npy").write_bytes(b"what a Mac leaves")
    load("cifar10", data=tmp_path)
    shutil.copy(tmp_path / "CIFAR-10-C/fog.npy", tmp_path / "CIFAR-10-C/thick fog.npy")
    with pytest.raises(UserError, match="CIFAR-10-C: 'thick fog' is no name of a corruption"):
        load("cifar10", data=tmp_path)
    (tmp_path / "CIFAR-10-C/thick fog.npy").unlink()
    np.save(tmp_path / "CIFAR-10-C/snow.npy", np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(UserError, match=r"snow.npy is uint8 of shape \(3, 32, 32, 3\): .*\(15, 32"):
        load("cifar10", data=tmp_path)
    np.save(tmp_path / "CIFAR-10-C/labels.npy", np.zeros(15))
    with pytest.raises(UserError, match=r"labels.npy must have the 3 test labels"):
        load("cifar10", data=tmp_path)
