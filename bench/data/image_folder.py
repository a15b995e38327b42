"""One's own images as files: {train,val,test}/<class>/*.png or, for regression, a targets.csv.

Classification: the class is the folder's name; class k is the k-th name of train in ascending
order. Regression: `targets.csv` in each split's folder, header `file,target`, one row an image,
files relative to the split's folder.
"""

import csv
import math
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from bench.data.dataset import SPLITS, Split
from bench.data.file_tree import FileTree
from bench.data.image_decoding import decode_images
from bench.errors import UserError

TARGETS = "targets.csv"
SUFFIXES = (".png", ".jpg", ".jpeg")


def class_names(tree: FileTree) -> list[str]:
    """Ascending names of the class folders of train.

    Raises:
        UserError: fewer than 2 of them, or files that are in none.
    """
    names = sorted({_class_of(tree, name) for name in _images(tree, "train")})
    if len(names) < 2:
        raise UserError(
            f"{tree.where}: train has only the class folder {names[0]}: there must be 2 or more"
        )
    return names


def read_targets(tree: FileTree, split: str) -> dict[str, float]:
    """Targets by file name, as they are in the split's targets.csv and in its order.

    Raises:
        UserError: the table is missing or malformed, or its rows and the image files disagree.
    """
    table = f"{split}/{TARGETS}"
    rows = csv.DictReader(tree.text(table).splitlines())
    if not {"file", "target"} <= set(rows.fieldnames or ()):
        raise UserError(f"{tree.where}: {table} must have the header file,target")
    images = set(_images(tree, split))
    targets: dict[str, float] = {}
    for row in rows:
        name, where = f"{split}/{row['file']}", f"{tree.where}: {table} line {rows.line_num}"
        if name not in images:
            raise UserError(f"{where}: there is no image {name}")
        if name in targets:
            raise UserError(f"{where}: {row['file']} has a row already")
        targets[name] = _number(row["target"], where)
    missing = sorted(images - targets.keys())
    if missing:
        raise UserError(f"{tree.where}: {table} has no row of {missing[0]}")
    return targets


def read_image_folder(
    tree: FileTree, *, target_range: tuple[float, float] | None
) -> dict[str, Split]:
    """Decode all splits; if every image of all three is grey, they get a single channel.

    Args:
        tree: the layout of the task, see above.
        target_range: regression: constants (low, high) that are scaled to [0, 1]; None:
            classification.

    Raises:
        UserError: the layout is another one, or images are unreadable or differ in size.
    """
    labels: dict[str, dict[str, int]] | dict[str, dict[str, float]]
    y: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]]
    if target_range is None:
        labels = _class_labels(tree)
        y = {split: np.array([*labels[split].values()], np.int64) for split in SPLITS}
    else:
        low, high = target_range
        labels = {split: read_targets(tree, split) for split in SPLITS}
        y = {
            split: ((np.array([*labels[split].values()]) - low) / (high - low)).astype(np.float32)
            for split in SPLITS
        }
    images = _decode_splits(tree, {split: [*labels[split]] for split in SPLITS})
    return {split: Split(images_BHWQ=images[split], y_B=y[split]) for split in SPLITS}


def _decode_splits(tree: FileTree, names: dict[str, list[str]]) -> dict[str, npt.NDArray[np.uint8]]:
    images: dict[str, npt.NDArray[np.uint8]] = {}
    size: tuple[int, int] | None = None
    for split in SPLITS:
        images[split] = decode_images(tree, names[split], size=size)
        size = images[split].shape[1], images[split].shape[2]
    grey = all((part[..., :1] == part).all() for part in images.values())
    return {split: part[..., :1].copy() if grey else part for split, part in images.items()}


def _class_labels(tree: FileTree) -> dict[str, dict[str, int]]:
    classes = {name: label for label, name in enumerate(class_names(tree))}
    labels: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        labels[split] = {}
        for name in _images(tree, split):
            found = _class_of(tree, name)
            if found not in classes:
                raise UserError(
                    f"{tree.where}: {split}/{found} is no class of train: {', '.join(classes)}"
                )
            labels[split][name] = classes[found]
    return labels


def _class_of(tree: FileTree, name: str) -> str:
    parts = name.split("/")
    if len(parts) != 3:
        raise UserError(f"{tree.where}: {name} must be in {parts[0]}/<class>/ for classification")
    return parts[1]


def _images(tree: FileTree, split: str) -> list[str]:
    """Names of the image files of a split, ascending; nothing but the table may be beside them."""
    names = [name for name in tree.below(split) if name != f"{split}/{TARGETS}"]
    if not names:
        raise UserError(
            f"{tree.where}: there are no images in {split}: the layout must be "
            "{train,val,test}/<class>/*.png (or .jpg), or for regression {train,val,test}/"
            f"{TARGETS} and images beside it"
        )
    for name in names:
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            raise UserError(f"{tree.where}: {name} is none of {', '.join(SUFFIXES)}")
    return names


def _number(text: str | None, where: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: target {text!r} must be a finite number")
    return number
