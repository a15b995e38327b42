"""One's own data as a dataset row: an npz in MedMNIST's layout, or a folder of images.

Regression targets are scaled by the training split's least and greatest one; those of val and test
may lie beyond [0, 1]. The name ends in a digest of task and content: results of other content, or
of the same content for another task, are never taken for these.
"""

import hashlib
import re
import stat
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from bench.data import image_folder, targets
from bench.data.dataset import Dataset
from bench.data.file_tree import open_tree
from bench.data.image_folder import class_names, images_of, read_image_folder
from bench.data.medmnist_npz import flat_labels, read_arrays, read_medmnist_npz
from bench.data.row import DatasetRow, Loader
from bench.data.split_cache import cached_splits
from bench.data.targets import read_targets
from bench.data.task import Task
from bench.errors import UserError, as_user_error

_LONGEST_STEM = 24
_DIGEST_DIGITS = 10
_RULE = "it must be a .npz file in MedMNIST's layout or a folder with train, val and test"


def own_dataset(spec: str, *, task: Task, resize: int | None = None) -> DatasetRow:
    """Describe one's own data; it is hashed, but no image is decoded yet.

    Args:
        spec: path of a .npz file in the layout of `bench.data.medmnist_npz`, or of a folder in
            that of `bench.data.image_folder`.
        task: what is predicted.
        resize: of a folder: height and width that all images are scaled to.

    Returns:
        A row whose name has only a-z, 0-9 and "-"; n_classes, class names and target_range are
        those of the training split; the backbone is "fc".

    Raises:
        UserError: nothing is there, the layout is another one, class labels are not 0..C-1, or
            all training targets are equal.
    """
    if task not in get_args(Task):
        raise UserError(f"{spec}: no task {task!r}; choices: {', '.join(get_args(Task))}")
    path, mode = _resolved(spec)
    loader: Loader
    names: tuple[str, ...] = ()
    target_range = None
    if stat.S_ISDIR(mode):
        with open_tree(path) as tree:
            if task == "classification":
                names = tuple(class_names(tree))
            else:
                found = read_targets(tree, "train", images_of(tree, "train"))
                target_range = _target_range(np.array([*found.values()]), path)
        classes, loader = len(names), load_own_folder
    elif stat.S_ISREG(mode) and path.suffix == ".npz":
        if resize is not None:
            raise UserError(f"--resize is for folders of images: {spec} is an npz file")
        classes, target_range = _npz_labels(path, task)
        loader = load_own_npz
    else:
        raise UserError(f"own data {spec}: {path} is neither a folder nor a .npz file: {_RULE}")
    return DatasetRow(
        name=_name(path, task, resize),
        task=task,
        n_classes=classes,
        backbone="fc",
        source=str(path),
        citation="own data",
        loader=loader,
        target_range=target_range,
        class_names=names,
        resize=resize,
    )


def _resolved(spec: str) -> tuple[Path, int]:
    """The path and its file mode."""
    try:
        path = Path(spec).expanduser().resolve()
        return path, path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"own data {spec}: {path} does not exist: {_RULE}") from None
    except (OSError, RuntimeError, ValueError) as error:  # no rights, a circle of links, NUL
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"own data {spec}: cannot be read: {reason}") from error


def load_own_npz(row: DatasetRow, _data: Path | None, _cache: Path | None) -> Dataset:
    """Load the file of a row that `own_dataset` made."""
    _require_unchanged(row)
    return read_medmnist_npz(Path(row.source), row)


def load_own_folder(row: DatasetRow, _data: Path | None, cache: Path | None) -> Dataset:
    """Load the folder of a row that `own_dataset` made; decoded once if there is a cache."""
    _require_unchanged(row)
    with open_tree(Path(row.source)) as tree:
        splits = cached_splits(
            lambda: read_image_folder(tree, target_range=row.target_range, resize=row.resize),
            cache=cache,
            name=row.name,
            source=[row.name],  # it has the digest of the content, just checked
            code=[image_folder, targets, sys.modules[__name__]],
        )
    with as_user_error(row.source):
        return row.dataset(splits)


def _npz_labels(path: Path, task: Task) -> tuple[int, tuple[float, float] | None]:
    labels = read_arrays(path, ["train_labels"])["train_labels"]
    with as_user_error(f"{path}: split 'train'"):
        labels_B = flat_labels(labels, task)
    if task == "regression":
        return 0, _target_range(labels_B, path)
    found = np.unique(labels_B)
    if len(found) < 2 or (found != np.arange(len(found))).any():
        shown = ", ".join(str(label) for label in found[:10])
        raise UserError(
            f"{path}: the training labels are {shown or 'none'}{', ...' * (len(found) > 10)}: they "
            "must be 0..C-1, 2 classes or more, each of them at least once"
        )
    return len(found), None


def _target_range(targets_B: npt.NDArray[Any], path: Path) -> tuple[float, float]:
    low, high = (float(f(targets_B)) for f in (np.min, np.max)) if targets_B.size else (0.0, 0.0)
    with np.errstate(over="ignore"):
        scale = np.float64(high) - np.float64(low)
    if not (np.isfinite(scale) and scale > 0):
        raise UserError(
            f"{path}: the training targets must be finite and not all the same: they are scaled "
            "by the least and the greatest one"
        )
    return low, high


def _name(path: Path, task: Task, resize: int | None) -> str:
    if path.is_dir():
        with open_tree(path) as tree:
            content = tree.content_digest()
    else:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    stem = re.sub("[^a-z0-9]+", "-", path.stem.lower())[:_LONGEST_STEM].strip("-") or "own"
    identity = f"{task} {content}" if resize is None else f"{task} {resize} {content}"
    return f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST_DIGITS]}"


def _require_unchanged(row: DatasetRow) -> None:
    path = Path(row.source)
    if not path.exists():
        raise UserError(f"{path} of dataset '{row.name}' is gone")
    if _name(path, row.task, row.resize) != row.name:
        raise UserError(
            f"{path} has changed since the runs of dataset '{row.name}' were planned: start again"
        )
