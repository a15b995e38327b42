import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from medmnist_arrays import arrays

from bench.data.dataset import Dataset
from bench.data.medmnist_npz import read_medmnist_npz
from bench.data.row import DatasetRow
from bench.data.table import load_digits
from bench.errors import UserError


def npz(folder: Path, **changes: Any) -> Path:
    path = folder / "own.npz"
    np.savez(path, **arrays(**changes))
    return path


def read(path: Path, **changes: Any) -> Dataset:
    options: dict[str, Any] = {"name": "own", "task": "classification", "n_classes": 2}
    options |= {"backbone": "fc", "source": "", "citation": "", "loader": load_digits}
    return read_medmnist_npz(path, DatasetRow(**(options | changes)))


@pytest.mark.parametrize("flat", [False, True])
def test_own_npz_is_read(tmp_path: Path, flat: bool) -> None:
    labels = np.array([1, 0, 0, 1], np.int16)
    dataset = read(npz(tmp_path, train_labels=labels if flat else labels[:, None]))
    assert dataset.train.y_B.tolist() == [1, 0, 0, 1]
    assert dataset.image_shape == (2, 3, 1)
    assert dataset.train.images_BHWQ[1].ravel().tolist() == [6, 7, 8, 9, 10, 11]


def test_regression_scales_by_constants_not_by_the_data(tmp_path: Path) -> None:
    grades = np.array([1, 2, 3, 1], np.uint8)  # neither 0 nor 4 occurs
    path = npz(tmp_path, train_labels=grades)
    dataset = read(path, task="regression", n_classes=0, target_range=(0, 4))
    assert dataset.train.y_B.dtype == np.float32
    assert dataset.train.y_B.tolist() == [0.25, 0.5, 0.75, 0.25]
    shifted = read(npz(tmp_path), task="regression", n_classes=0, target_range=(-1, 3))
    assert shifted.val.y_B.tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": np.zeros((4, 2, 3))}, "split 'train': images are float64.*uint8"),
        ({"val_images": np.zeros((2, 6), np.uint8)}, r"'val': images have shape \(2, 6\)"),
        ({"val_images": np.zeros((2, 2, 3, 4), np.uint8)}, r"\(2, 2, 3, 4\).*1 or 3"),
        ({"test_images": np.zeros((2, 5, 3), np.uint8)}, r"'test' .*\(5, 3, 1\).*\(2, 3, 1\)"),
        ({"test_images": np.zeros((3, 2, 3), np.uint8)}, "'test': 3 images but 2 labels"),
        ({"val_labels": np.zeros((2, 2), np.uint8)}, r"'val': labels have shape \(2, 2\)"),
        ({"val_labels": np.zeros(2)}, "'val': labels are float64: they must be integers"),
        ({"val_labels": np.array([0, 2], np.uint8)}, r"'val': label 2 .* in 0\.\.1"),
        ({"test_labels": np.array([-1, 0])}, r"'test': label -1 .* in 0\.\.1"),
        # As int64 this one would become -1, as int32 0: the value is named as it is in the file.
        ({"test_labels": np.array([2**64 - 1, 0], np.uint64)}, "label 18446744073709551615"),
        ({"val_images": np.zeros((0, 2, 3), np.uint8), "val_labels": np.zeros(0, int)}, "empty"),
        ({"val_labels": None, "extra": np.zeros(1)}, "lacks val_labels: found train_images.*extra"),
    ],
)
def test_npz_refuses(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = npz(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_npz_refuses_a_grade_outside_the_constants(tmp_path: Path) -> None:
    path = npz(tmp_path, train_labels=np.array([0, 4, 5, 1], np.uint8))
    with pytest.raises(UserError, match=r"split 'train': label 5 is out of range: .* in 0\.\.4"):
        read(path, task="regression", n_classes=0, target_range=(0, 4))


def test_regression_takes_floats_and_lets_val_and_test_lie_beyond(tmp_path: Path) -> None:
    path = npz(tmp_path, train_labels=np.array([-2.5, 0, 2.5, 0]), val_labels=np.array([5.0, 0.0]))
    dataset = read(path, task="regression", n_classes=0, target_range=(-2.5, 2.5))
    assert dataset.train.y_B.tolist() == [0.0, 0.5, 1.0, 0.5]
    assert dataset.val.y_B.tolist() == [1.5, 0.5]
    assert dataset.target_range == (-2.5, 2.5)
    path = npz(tmp_path, test_labels=np.array([np.nan, 0.0]))
    with pytest.raises(UserError, match="split 'test': target nan: all targets must be finite"):
        read(path, task="regression", n_classes=0, target_range=(0, 1))


@pytest.mark.parametrize(
    "options", [{"task": "regression", "n_classes": 0}, {"target_range": (0, 4)}]
)
def test_target_range_is_for_regression_alone(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"target_range .* classification none"):
        read(npz(tmp_path), **options)


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    bombs = np.array([Bomb(trace)] * 4, dtype=object)
    path = npz(tmp_path, train_labels=bombs)
    with pytest.raises(UserError, match=r"cannot read train_labels .*pickles.* never loaded"):
        read(path)
    bare = tmp_path / "bare.npz"
    bare.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(UserError, match="not a complete npz"):
        read(bare)
    assert not trace.exists()
    pickle.loads(bare.read_bytes())
    assert trace.exists()  # the bomb is a real one


def test_damaged_files(tmp_path: Path) -> None:
    path = npz(tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"<html>404</html>"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"own.npz is not a complete npz .*truncated"):
            read(path)
    # A flipped pixel: the archive is complete but its checksum is not.
    at = whole.index(bytes(range(24)))
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(UserError, match=r"cannot read train_images \(Bad CRC-32"):
        read(path)
    with pytest.raises(UserError, match="is not a file"):
        read(tmp_path)


def test_a_zip_member_that_is_no_array(tmp_path: Path) -> None:
    path = npz(tmp_path, val_images=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("val_images.npy", b"no array")
    with pytest.raises(UserError, match=r"cannot read val_images .*magic string"):
        read(path)


def test_more_than_the_header_announces(tmp_path: Path) -> None:
    path = npz(tmp_path, val_labels=None)
    file = io.BytesIO()
    np.save(file, np.array([0, 1], np.uint8))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("val_labels.npy", file.getvalue() + b"\x01")
    with pytest.raises(
        UserError, match=r"cannot read val_labels \(there are bytes beyond the \(2,"
    ):
        read(path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("val_labels.npy", file.getvalue())
    with pytest.raises(UserError, match=r"cannot read val_labels \(it is there 2 times"):
        read(path)
