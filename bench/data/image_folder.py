"""One's own images as files: {train,val,test}/<class>/*.png or, for regression, a targets.csv.

Classification: the class is the folder's name; class k is the k-th name of train in ascending
order, that of the numbers where all names are numbers. Regression: `targets.csv` in each split's
folder, see `bench.data.targets`.
"""

import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from bench.data.dataset import SPLITS, Split
from bench.data.file_tree import FileTree, is_hidden
from bench.data.image_decoding import decode_images
from bench.data.targets import NUMBER, TARGETS, read_targets, scaled
from bench.errors import UserError, as_user_error

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


def class_names(tree: FileTree) -> list[str]:
    """Names of the class folders of train by label.

    Raises:
        UserError: fewer than 2 of them, one without images, or files that are in none.
    """
    names = {_class_of(tree, name) for name in images_of(tree, "train")}
    empty = _folders(tree.where / "train") - names
    if empty:
        raise UserError(f"{tree.where}: train/{min(empty)} has no images: add some or remove it")
    if len(names) < 2:
        raise UserError(
            f"{tree.where}: train has only the class folder {min(names)}: there must be 2 or more"
        )
    if all(NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def _folders(path: Path) -> set[str]:
    return {
        unicodedata.normalize("NFC", entry.name)
        for entry in path.iterdir()
        if entry.is_dir() and not is_hidden(entry.name)
    }


def images_of(tree: FileTree, split: str) -> list[str]:
    """Names of the image files of a split, ascending; nothing but the table may be beside them."""
    names = [name for name in tree.below(split) if name != f"{split}/{TARGETS}"]
    if not names:
        raise UserError(
            f"{tree.where}: there are no images in {split}: the layout must be "
            "{train,val,test}/<class>/*.png (or .jpg, .tif, .bmp, .webp), or for regression "
            f"{{train,val,test}}/{TARGETS} and images beside it"
        )
    for name in names:
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            raise UserError(f"{tree.where}: {name} is none of {', '.join(SUFFIXES)}")
    return names


def read_image_folder(
    tree: FileTree, *, target_range: tuple[float, float] | None, resize: int | None = None
) -> dict[str, Split]:
    """Decode all splits; if every image of all three is grey, they get a single channel.

    Args:
        tree: the layout of the task, see above.
        target_range: regression: constants (low, high) that are scaled to [0, 1]; None:
            classification.
        resize: height and width that all images are scaled to.

    Raises:
        UserError: the layout is another one, or images are unreadable or differ in size.
    """
    labels: dict[str, dict[str, int]] | dict[str, dict[str, float]]
    y: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]]
    if target_range is None:
        labels = _class_labels(tree)
        y = {split: np.array([*labels[split].values()], np.int64) for split in SPLITS}
    else:
        labels = {split: read_targets(tree, split, images_of(tree, split)) for split in SPLITS}
        with as_user_error(tree.where):
            y = {split: scaled([*of.values()], target_range) for split, of in labels.items()}
    images = _decode_splits(tree, {split: [*labels[split]] for split in SPLITS}, resize)
    with as_user_error(tree.where):
        return {split: Split(images_BHWQ=images[split], y_B=y[split]) for split in SPLITS}


def _decode_splits(
    tree: FileTree, names: dict[str, list[str]], resize: int | None
) -> dict[str, npt.NDArray[np.uint8]]:
    images: dict[str, npt.NDArray[np.uint8]] = {}
    size: tuple[int, int] | None = None
    for split in SPLITS:
        hint = "; --resize H scales all images of a folder to H x H"
        images[split] = decode_images(tree, names[split], size=size, resize=resize, hint=hint)
        size = images[split].shape[1], images[split].shape[2]
    grey = all((part[..., :1] == part).all() for part in images.values())
    return {split: part[..., :1].copy() if grey else part for split, part in images.items()}


def _class_labels(tree: FileTree) -> dict[str, dict[str, int]]:
    classes = {name: label for label, name in enumerate(class_names(tree))}
    labels: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        labels[split] = {}
        for name in images_of(tree, split):
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
