"""Flags of a dataset: images that occur in two splits, and odd splits."""

import dataclasses
import hashlib
import itertools

import numpy as np

from bench.data.dataset import Dataset, Split
from bench.errors import UserError

FEWEST_IMAGES = 5
FAR_IQR = 10
OTHER_LABEL = "_other_label"


def duplicates(dataset: Dataset) -> dict[str, int]:
    """Images of one split that are in an earlier one too, pixel by pixel, by pair of splits.

    Returns:
        For "train_val", "train_test" and "val_test" the number of images of the second split that
        occur in the first; and with "_other_label" at the end, how many of these have another label
        (or target) than a copy of theirs there.
    """
    digests = {name: _digests(split) for name, split in dataset.splits.items()}
    counts = {}
    for first, second in itertools.combinations(dataset.splits, 2):
        known: dict[bytes, set[float]] = {}
        for digest, y in zip(digests[first], dataset.splits[first].y_B.tolist(), strict=True):
            known.setdefault(digest, set()).add(y)
        found = [
            known[digest] != {y}
            for digest, y in zip(digests[second], dataset.splits[second].y_B.tolist(), strict=True)
            if digest in known
        ]
        counts[f"{first}_{second}"] = len(found)
        counts[f"{first}_{second}{OTHER_LABEL}"] = sum(found)
    return counts


def without_duplicates(dataset: Dataset, *, name: str) -> Dataset:
    """The dataset without those images of train and val that occur in test."""
    tested = set(_digests(dataset.test))
    kept = {}
    for split_name in ("train", "val"):
        split = dataset.splits[split_name]
        rows = [row for row, digest in enumerate(_digests(split)) if digest not in tested]
        if not rows:
            raise UserError(f"dataset {dataset.name}: all images of {split_name} occur in test")
        kept[split_name] = split.rows(np.array(rows, np.int64))
    return dataclasses.replace(dataset, name=name, train=kept["train"], val=kept["val"])


def flags(dataset: Dataset) -> list[str]:
    """Sentences on what is odd about the splits; empty for most datasets."""
    found = []
    if dataset.constant_channels:
        found.append(f"constant channels {dataset.constant_channels} in train")
    if dataset.n_classes:
        for name, split in dataset.splits.items():
            found += _small_classes(dataset, name, split)
    else:
        found += _far_targets(dataset)
    return found


def _small_classes(dataset: Dataset, split_name: str, split: Split) -> list[str]:
    counts_C = np.bincount(split.y_B.astype(np.int64), minlength=dataset.n_classes)
    few = np.flatnonzero(counts_C < FEWEST_IMAGES)
    if not few.size:
        return []
    fewest = int(few[counts_C[few].argmin()])
    name = dataset.class_names[fewest] if dataset.class_names else str(fewest)
    verb = "class has" if few.size == 1 else "classes have"
    what = f"{few.size} {verb} under {FEWEST_IMAGES} images in {split_name}"
    return [f"{what}: {name[:100]} has {counts_C[fewest]}"]


def _far_targets(dataset: Dataset) -> list[str]:
    # Targets themselves: between the two, one that is far off would draw a quartile along.
    y_B = dataset.train.y_B.astype(np.float64)
    low, high = np.percentile(y_B, (25, 75), method="inverted_cdf")
    if low == high:
        return ["at least half of the training targets are the same"]
    reach, found = FAR_IQR * (high - low), []
    for name, split in dataset.splits.items():
        far = int(((split.y_B < low - reach) | (split.y_B > high + reach)).sum())
        if far:
            found.append(
                f"{far} of {len(split.y_B)} targets in {name} lie more than {FAR_IQR} "
                "interquartile ranges from the quartiles of train"
            )
    return found


def _digests(split: Split) -> list[bytes]:
    return [
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        for image in split.images_BHWQ
    ]
