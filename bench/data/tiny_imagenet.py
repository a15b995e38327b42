"""Tiny ImageNet (Stanford CS231N): from its official folder or straight from a zip of it.

Le and Yang, Tiny ImageNet Visual Recognition Challenge, 2015. The official test images have no
labels: the official validation images are the test split, and a stratified part of the official
training images is the validation split. Class k is the k-th wnid in ascending order.
"""

import logging
import sys
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.dataset import Dataset, Split
from bench.data.file_tree import FileTree, open_tree
from bench.data.folder import DATA_VARIABLE, folder_and_origin
from bench.data.image_decoding import decode_images
from bench.data.ready_shift import tiny_imagenet_c
from bench.data.row import DatasetRow
from bench.data.split_cache import cached_splits
from bench.data.stratified import stratified_rows
from bench.errors import DataUnavailable, UserError

FOLDER = "tiny-imagenet-200"
PLACES = (FOLDER, f"{FOLDER}.zip", f"{FOLDER}-subset.zip")
CORRUPTED = "Tiny-ImageNet-C"
SIZE = (64, 64)
VAL_SHARE = 0.1
VAL_SEED = 0
ANNOTATIONS = "val/val_annotations.txt"

_log = logging.getLogger(__name__)


def load(row: DatasetRow, data: Path | None, cache: Path | None) -> Dataset:
    """Load the first of `PLACES` that is in the data folder; decoded once if there is a cache.

    The first ``row.n_classes`` wnids in ascending order are read.

    Raises:
        UserError: the files do not have the official layout, or one of them cannot be read.
        DataUnavailable: none of the places is there.
    """
    folder, origin = folder_and_origin(data)
    path = next((folder / place for place in PLACES if (folder / place).exists()), None)
    if path is None:
        raise DataUnavailable(
            f"dataset '{row.name}' is not available: looked for {', '.join(PLACES)} in {folder} "
            f"(from {origin}); it is not downloaded automatically: get tiny-imagenet-200.zip "
            "(http://cs231n.stanford.edu/tiny-imagenet-200.zip) and put it there as it is, or "
            f"pass --data FOLDER, or set {DATA_VARIABLE}"
        )
    with open_tree(path, top=FOLDER) as tree:
        splits = cached_splits(
            lambda: read_tiny_imagenet(tree, n_classes=row.n_classes),
            cache=cache,
            name=row.name,
            source=[tree.stamp_digest(), row.n_classes],
            code=[sys.modules[__name__]],
        )
        wnids = tuple(_wnids(tree, row.n_classes)[: row.n_classes])
    dataset = replace(row, class_names=wnids).dataset(splits)
    corrupted = folder / CORRUPTED
    if not corrupted.is_dir():
        return dataset
    _log.info("dataset %s: shifts are those of %s", row.name, corrupted)
    return replace(dataset, shift=tiny_imagenet_c(corrupted, wnids))


def read_tiny_imagenet(tree: FileTree, *, n_classes: int) -> dict[str, Split]:
    """Decode train, val and test.

    Args:
        tree: the official layout: wnids.txt, train/<wnid>/images/*.JPEG, val/images/*.JPEG and
            val/val_annotations.txt. Bounding boxes, words.txt and test are not read.
        n_classes: number of classes that are read, the first in ascending order.

    Raises:
        UserError: a file is missing, unreadable or not 64x64; a class has no or too few images; the
            annotations and the files disagree.
    """
    wnids = _wnids(tree, n_classes)
    classes = {wnid: label for label, wnid in enumerate(wnids[:n_classes])}
    train, val = _train_and_val(tree, classes, set(wnids))
    labelled = {"train": train, "val": val, "test": _test(tree, classes, set(wnids))}
    _log.info("decoding %d images of %s", sum(map(len, labelled.values())), tree.where)
    return {
        split: Split(
            images_BHWQ=decode_images(tree, list(labels), size=SIZE),
            y_B=np.array(list(labels.values()), np.int64),
        )
        for split, labels in labelled.items()
    }


def _wnids(tree: FileTree, n_classes: int) -> list[str]:
    """The class names by label, those beyond ``n_classes`` too."""
    wnids = sorted(tree.text("wnids.txt").split())
    if len(wnids) < n_classes or len(set(wnids)) < len(wnids):
        raise UserError(
            f"{tree.where}: wnids.txt has {len(wnids)} wnids ({len(set(wnids))} different ones): "
            f"there must be {n_classes} or more, all different"
        )
    return wnids


def _train_and_val(
    tree: FileTree, classes: Mapping[str, int], wnids: Set[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Labels by file name of the two parts of the official training images of some classes."""
    names_by_wnid = defaultdict(list)
    for name in tree.below("train"):
        _, wnid, *inner = name.split("/")
        if len(inner) == 2 and inner[0] == "images":
            names_by_wnid[wnid].append(name)
    unknown = sorted(names_by_wnid.keys() - wnids)
    if unknown:
        raise UserError(f"{tree.where}: train/{unknown[0]} is no class of wnids.txt")
    empty = sorted(classes.keys() - names_by_wnid.keys())
    if empty:
        raise UserError(f"{tree.where}: class {empty[0]} has no images in train/{empty[0]}/images")
    labels = {name: classes[wnid] for wnid in classes for name in names_by_wnid[wnid]}
    size = round(len(labels) * VAL_SHARE)
    fewest = min(classes, key=lambda wnid: len(names_by_wnid[wnid]))
    if size < len(classes) or len(names_by_wnid[fewest]) < 2:
        raise UserError(
            f"{tree.where}: {len(labels)} training images of {len(classes)} classes, "
            f"{len(names_by_wnid[fewest])} of them of {fewest}: a validation split of "
            f"{VAL_SHARE:.0%} needs {1 / VAL_SHARE:.0f} a class"
        )
    y_B = np.array(list(labels.values()), np.int64)
    val_rows = set(stratified_rows(y_B, size, seed=VAL_SEED).tolist())
    train: dict[str, int] = {}
    val: dict[str, int] = {}
    for row, (name, label) in enumerate(labels.items()):
        (val if row in val_rows else train)[name] = label
    return train, val


def _test(tree: FileTree, classes: Mapping[str, int], wnids: Set[str]) -> dict[str, int]:
    """Labels by file name of the official validation images, in the order of the annotations."""
    labels: dict[str, int | None] = {}
    for number, line in enumerate(tree.text(ANNOTATIONS).splitlines(), start=1):
        file, _, rest = line.partition("\t")
        wnid = rest.split("\t")[0]
        where = f"{tree.where}: {ANNOTATIONS} line {number}"
        if wnid not in wnids:
            raise UserError(f"{where}: {wnid!r} is no class of wnids.txt")
        name = f"val/images/{file}"
        if name not in tree.stamps:
            raise UserError(f"{where}: there is no {name}")
        if name in labels:
            raise UserError(f"{where}: {file} has a line already")
        labels[name] = classes.get(wnid)
    missing = [name for name in tree.below("val/images") if name not in labels]
    if missing or not labels:
        raise UserError(f"{tree.where}: {ANNOTATIONS} has no line of {(missing or ['any'])[0]}")
    return {name: label for name, label in labels.items() if label is not None}
