"""A dataset: three splits of uint8 images and their training statistics.

Module level imports are numpy and the standard library only: see `bench.data.table`.
"""

import hashlib
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bench.data.ready_shift import SEVERITIES, ReadyShift
from bench.data.stratified import stratified_rows
from bench.data.task import Task, require_task

SPLITS = ("train", "val", "test")
SHIFT_SEED = 0
_ROWS_AT_ONCE = 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Images and what is to be predicted for them.

    Attributes:
        images_BHWQ: uint8 in 0..255, channels last, always 4 axes.
        y_B: int64 class labels from 0, or finite float32 regression targets.

    Raises:
        ValueError: a wrong dtype, number of axes or length, an empty split, a negative label or a
            target that is not finite.
    """

    images_BHWQ: npt.NDArray[np.uint8]
    y_B: npt.NDArray[np.int64] | npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        images, y = self.images_BHWQ, self.y_B
        if images.dtype != np.uint8:
            raise ValueError(f"images are {images.dtype}: they must be uint8 (0..255)")
        if images.ndim != 4:
            raise ValueError(
                f"images have shape {images.shape}: they must have 4 axes (B, H, W, Q)"
            )
        if y.dtype not in (np.int64, np.float32) or y.ndim != 1:
            raise ValueError(
                f"y is {y.dtype} of shape {y.shape}: it must be int64 labels or float32 targets "
                "with one axis (B,)"
            )
        if len(images) != len(y):
            raise ValueError(f"{len(images)} images but {len(y)} labels: there must be one each")
        if images.size == 0:
            raise ValueError(f"images have shape {images.shape}: the split is empty")
        if y.dtype == np.int64:
            require_range(y, 0, np.inf, "label")
        elif not np.isfinite(y).all():
            raise ValueError(f"target {y[~np.isfinite(y)][0]}: all targets must be finite")

    def rows(self, rows_X: npt.NDArray[np.int64]) -> Self:
        """Return the split of these rows alone, in their order."""
        return replace(self, images_BHWQ=self.images_BHWQ[rows_X], y_B=self.y_B[rows_X])


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Three splits and their training statistics.

    Attributes:
        n_classes: number of classes; 0 for regression.
        train: fits parameters and normalisation.
        val: selects configurations and temperatures.
        test: is looked at once per final run.
        target_range: regression: the constants that were scaled to [0, 1], to give back the units.
        shift_images: number of test images that are corrupted; None: all of them.
        class_names: by label; empty where they are not known.
        shift: corrupted images that are there already, instead of corrupted test images.

    Raises:
        ValueError: task, n_classes and labels disagree, image shapes differ between splits, or
            training targets are not in [0, 1] (those of val and test may lie beyond: constants
            taken from the training split do not know them).
    """

    name: str
    task: Task
    n_classes: int
    train: Split
    val: Split
    test: Split
    target_range: tuple[float, float] | None = None
    shift_images: int | None = None
    class_names: tuple[str, ...] = ()
    shift: ReadyShift | None = None

    def __post_init__(self) -> None:
        require_task(self.task, self.n_classes)
        dtype = np.int64 if self.n_classes else np.float32
        for name, split in self.splits.items():
            shape = split.images_BHWQ.shape[1:]
            if shape != self.image_shape:
                raise ValueError(
                    f"split '{name}' has images of shape {shape}, 'train' of {self.image_shape}: "
                    "they must be the same"
                )
            if split.y_B.dtype != dtype:
                raise ValueError(f"split '{name}': {self.task} takes {dtype.__name__} y")
            if self.n_classes:
                require_range(split.y_B, 0, self.n_classes - 1, f"split '{name}': label")
        if not self.n_classes:
            require_range(self.train.y_B, 0, 1, "split 'train': target")

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order of `SPLITS`."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @cached_property
    def shift_test(self) -> Split:
        """The test images that are corrupted: a fixed stratified subset, the same for every run.

        With ready-made shifts: a subset of their images, in the first of their sets.
        """
        if self.shift is None:
            rows_X = self._shift_rows(self.test.y_B)
            return self.test if rows_X is None else self.test.rows(rows_X)
        rows_X = self._ready_rows(self.shift)
        images_BHWQ = self.shift.read(self.shift.names[0], 1, rows_X)
        return Split(images_BHWQ=images_BHWQ, y_B=self.shift.y_B[rows_X])

    def ready_sets(self) -> Iterator[tuple[str, int, npt.NDArray[np.uint8]]]:
        """The sets of the ready-made shifts: (name, severity, images), labels as `shift_test`."""
        if self.shift is not None:
            rows_X = self._ready_rows(self.shift)
            for name, severity in itertools.product(self.shift.names, SEVERITIES):
                yield name, severity, self.shift.read(name, severity, rows_X)

    def _ready_rows(self, shift: ReadyShift) -> npt.NDArray[np.int64]:
        rows_X = self._shift_rows(shift.y_B)
        return np.arange(len(shift.y_B)) if rows_X is None else rows_X

    def _shift_rows(self, y_B: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
        if self.shift_images is None or self.shift_images >= len(y_B):
            return None
        return stratified_rows(y_B, self.shift_images, seed=SHIFT_SEED)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape (H, W, Q) of every image."""
        _, height, width, channels = self.train.images_BHWQ.shape
        return height, width, channels

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over shapes and bytes of all splits: identifies the data, not the name."""
        digest = hashlib.sha256()
        for name, split in self.splits.items():
            digest.update(f"{name} {split.images_BHWQ.shape} {split.y_B.dtype}\n".encode())
            digest.update(np.ascontiguousarray(split.images_BHWQ).data)
            # Little-endian by name: the same data has the same fingerprint on every machine.
            digest.update(split.y_B.astype(split.y_B.dtype.newbyteorder("<")).tobytes())
        if self.shift is not None:  # runs under other shifts are never averaged with these
            digest.update(repr(self.shift.identity).encode())
        return digest.hexdigest()

    @property
    def constant_channels(self) -> list[int]:
        """Channels that have one value in all of train; their std_Q is 1."""
        n_values_Q = (self._train_counts_QV > 0).sum(axis=1)
        return [channel for channel, n_values in enumerate(n_values_Q) if n_values == 1]

    @property
    def mean_Q(self) -> npt.NDArray[np.float64]:
        """Mean of each channel over the training split, in [0, 1] units (pixel / 255)."""
        return self._train_moments[0]

    @property
    def std_Q(self) -> npt.NDArray[np.float64]:
        """Population standard deviation of each channel over the training split, pixel / 255.

        A channel that is constant over the training split has deviation 0, by which nothing can
        be divided: its std_Q is 1 (and a warning is logged), so it normalises to 0.
        """
        return self._train_moments[1]

    @cached_property
    def _train_moments(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        values = np.arange(256) / 255
        share_QV = self._train_counts_QV / self._train_counts_QV.sum(axis=1, keepdims=True)
        mean_Q = share_QV @ values
        std_Q = np.sqrt((share_QV * (values - mean_Q[:, None]) ** 2).sum(axis=1))
        if self.constant_channels:
            _log.warning(
                "dataset '%s': constant channels %s get std 1", self.name, self.constant_channels
            )
            std_Q[self.constant_channels] = 1.0
        return mean_Q, std_Q

    @cached_property
    def _train_counts_QV(self) -> npt.NDArray[np.int64]:
        # A histogram of 256 values is exact and needs no float copy of the images; a part of them
        # at a time, because bincount makes an int64 copy.
        n_channels = self.image_shape[2]
        counts_QV = np.zeros((n_channels, 256), np.int64)
        for start in range(0, len(self.train.y_B), _ROWS_AT_ONCE):
            part_BHWQ = self.train.images_BHWQ[start : start + _ROWS_AT_ONCE]
            for q in range(n_channels):
                counts_QV[q] += np.bincount(part_BHWQ[..., q].ravel(), minlength=256)
        return counts_QV


def require_range(values: npt.NDArray[Any], low: float, high: float, what: str) -> None:
    """Check that all values lie in [low, high]; a ``high`` of infinity is no limit.

    Raises:
        ValueError: a value is out of range or NaN; the message names the first one.
    """
    # Negated, so that NaN is out of range too.
    outside = values[~((values >= low) & (values <= high))]
    if outside.size:
        rule = f"{low} or more" if high == np.inf else f"in {low}..{high}"
        raise ValueError(f"{what} {outside.flat[0]} is out of range: it must be {rule}")
