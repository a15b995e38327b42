import hashlib
from typing import Any

import numpy as np
import pytest

from bench.data.dataset import Dataset, Split


def split_of(pixels: Any, labels: Any) -> Split:
    return Split(images_BHWQ=np.array(pixels, dtype=np.uint8), y_B=np.array(labels))


def dataset_of(train: Split, **changes: Any) -> Dataset:
    options: dict[str, Any] = {"task": "classification", "n_classes": 2, "val": train}
    options |= {"name": "own", "train": train, "test": train}
    return Dataset(**(options | changes))


def test_statistics_and_constant_channel_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    # Two images of 1x1 pixel: channel 0 is 0 and 255, channel 1 is 51 (= 0.2) in both.
    train = split_of([[[[0, 51]]], [[[255, 51]]]], [0, 1])
    other = split_of([[[[9, 9]]]], [1])
    dataset = dataset_of(train, val=other, test=other)
    np.testing.assert_allclose(dataset.mean_Q, [0.5, 0.2], rtol=1e-12)
    np.testing.assert_allclose(dataset.std_Q, [0.5, 1.0], rtol=1e-12)
    assert caplog.messages == ["dataset 'own': constant channels [1] get std 1"]


def test_statistics_of_more_images_than_are_counted_at_once() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2500, 2, 3, 2))
    dataset = dataset_of(split_of(pixels, np.zeros(2500, np.int64)))
    np.testing.assert_allclose(dataset.mean_Q, pixels.mean((0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(dataset.std_Q, pixels.std((0, 1, 2)) / 255, rtol=1e-12)


def test_shift_test_is_a_fixed_stratified_subset() -> None:
    # Image k has pixel k: 60 of class 0, then 30 of class 1, then 10 of class 2.
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    whole = split_of(np.arange(100).reshape(100, 1, 1, 1), labels)
    dataset = dataset_of(whole, n_classes=3, shift_images=20)
    subset = dataset.shift_test
    assert np.bincount(subset.y_B).tolist() == [12, 6, 2]
    rows = subset.images_BHWQ.ravel()
    assert (np.diff(rows.astype(int)) > 0).all()
    assert labels[rows].tolist() == subset.y_B.tolist()
    again = dataset_of(whole, n_classes=3, shift_images=20).shift_test
    assert again.images_BHWQ.ravel().tolist() == rows.tolist()
    # Pinned: another draw would make other results of the same name.
    assert rows[:6].tolist() == [2, 4, 10, 11, 22, 26]


@pytest.mark.parametrize("size", [None, 2, 3])
def test_shift_test_of_all_images_is_the_test_split(size: int | None) -> None:
    dataset = dataset_of(split_of([[[[7]]], [[[8]]]], [0, 1]), shift_images=size)
    assert dataset.shift_test is dataset.test


def test_shift_test_of_regression() -> None:
    whole = split_of(np.arange(9).reshape(9, 1, 1, 1), np.linspace(0, 1, 9, dtype=np.float32))
    dataset = dataset_of(whole, task="regression", n_classes=0, shift_images=4)
    subset = dataset.shift_test
    assert len(set(subset.images_BHWQ.ravel().tolist())) == 4
    np.testing.assert_array_equal(subset.y_B, subset.images_BHWQ.ravel() / np.float32(8))


def test_val_and_test_targets_may_lie_beyond_the_training_range() -> None:
    train = split_of([[[[7]]]], np.array([1.0], np.float32))
    beyond = split_of([[[[7]]]], np.array([-0.5], np.float32))
    dataset = dataset_of(train, task="regression", n_classes=0, val=beyond, test=beyond)
    assert dataset.test.y_B.tolist() == [-0.5]
    with pytest.raises(ValueError, match=r"split 'train': target -0.5 is out of range.* 0\.\.1"):
        dataset_of(beyond, task="regression", n_classes=0)


def test_fingerprint_by_hand_and_what_changes_it() -> None:
    train = split_of([[[[7]]], [[[8]]]], [0, 1])
    digest = hashlib.sha256()
    for name in ("train", "val", "test"):
        digest.update(f"{name} (2, 1, 1, 1) int64\n".encode() + bytes([7, 8]))
        digest.update(bytes(8) + bytes([1]) + bytes(7))
    dataset = dataset_of(train)
    assert dataset.fingerprint == digest.hexdigest()
    assert dataset_of(train, name="renamed").fingerprint == dataset.fingerprint
    seen = {dataset.fingerprint}
    seen.add(dataset_of(split_of([[[[7]]], [[[9]]]], [0, 1])).fingerprint)  # a pixel
    seen.add(dataset_of(split_of([[[[7]]], [[[8]]]], [1, 1])).fingerprint)  # a label
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((1, 2, 2, 1)), np.zeros(1, np.int64), "images are float64: they must be uint8"),
        (np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.int64), r"shape \(1, 2, 2\).*4 axes"),
        (np.zeros((1, 2, 2, 1), np.uint8), np.zeros(1, np.int32), "y is int32 .* must be int64"),
        (np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 1), np.int64), r"shape \(1, 1\)"),
        (np.zeros((1, 2, 2, 1), np.uint8), np.zeros(2, np.int64), "1 images but 2 labels"),
        (np.zeros((0, 2, 2, 1), np.uint8), np.zeros(0, np.int64), "the split is empty"),
        (np.zeros((1, 2, 2, 1), np.uint8), np.array([-1]), "label -1 .* must be 0 or more"),
        (
            np.zeros((1, 2, 2, 1), np.uint8),
            np.array([np.inf], np.float32),
            "target inf: all targets must be fin",
        ),
        (np.zeros((1, 2, 2, 1), np.uint8), np.array([np.nan], np.float32), "target nan"),
    ],
)
def test_split_refuses(images: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Split(images_BHWQ=images, y_B=labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_classes": 0}, "classification with 0 classes"),
        ({"task": "regression"}, "regression with 2 classes"),
        ({"task": "ranking"}, "no task 'ranking': choose classification or regression"),
        ({"task": "regression", "n_classes": 0}, "split 'train': regression takes float32"),
        ({"val": split_of([[[[1]]]], [2])}, "split 'val': label 2 is out of range.* 0..1"),
        ({"test": split_of([[[[1], [1]]]], [1])}, r"split 'test' .* \(1, 2, 1\), .* \(1, 1, 1\)"),
    ],
)
def test_dataset_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset_of(split_of([[[[1]]]], [1]), **changes)
