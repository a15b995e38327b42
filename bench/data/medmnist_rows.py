"""Rows of all 2D MedMNIST sets at all sizes, from medmnist's own table.

Yang et al., MedMNIST v2, Scientific Data 10:41, 2023; sizes above 28 px: MedMNIST+. Standard
library only, see `bench.data.table`; medmnist's table is read as text, because importing it makes a
folder in the user's home.
"""

import ast
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.data.row import DatasetRow, Loader

SIZES = (28, 64, 128, 224)
MULTI_LABEL = "chest"
CITATION = "Yang et al., MedMNIST v2, Scientific Data 10:41, 2023"

# The paper's backbones at 28 px, and for breast that of the like pneumonia.
_BACKBONES = {"pneumonia": "fc", "breast": "fc", "blood": "vgg", "retina": "vit"}
_MANY = 20_000  # training images


@functools.cache
def info_table() -> dict[str, Any]:
    """The table INFO of the installed medmnist; see its documentation for the keys."""
    package = importlib.util.find_spec("medmnist")
    assert package is not None
    assert package.submodule_search_locations is not None
    tree = ast.parse(Path(package.submodule_search_locations[0], "info.py").read_text())
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "INFO":
            info: dict[str, Any] = ast.literal_eval(statement.value)
            return info
    raise AssertionError("medmnist's info.py has no INFO")


def medmnist_names(size: int) -> dict[str, str]:
    """The names of the rows of one size, with medmnist's flag of each."""
    return {
        flag.removesuffix("mnist") + ("" if size == 28 else f"_{size}"): flag
        for flag in info_table()
        if not flag.endswith("3d") and flag != f"{MULTI_LABEL}mnist"
    }


def medmnist_rows(loader: Loader) -> Iterator[DatasetRow]:
    """All rows, size by size."""
    for size in SIZES:
        for name, flag in medmnist_names(size).items():
            yield _row(name, flag, size, loader)


def _row(name: str, flag: str, size: int, loader: Loader) -> DatasetRow:
    info = info_table()[flag]
    regression = info["task"] == "ordinal-regression"
    base, grey = name.partition("_")[0], info["n_channels"] == 1
    backbone = _BACKBONES.get(base, "fc" if grey else "vgg") if size == 28 else "resnet"
    smoke, quick = _budget(base, info["n_samples"]["train"], backbone, size)
    labels = tuple(info["label"].values())
    return DatasetRow(
        name=name,
        task="regression" if regression else "classification",
        n_classes=0 if regression else len(labels),
        class_names=() if regression else labels,
        target_range=(0, len(labels) - 1) if regression else None,
        backbone=backbone,
        source=f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz",
        citation=f"{info['license']}; {CITATION}",
        loader=loader,
        smoke=smoke,
        quick=quick,
        shift_images=_shift_images(info["n_samples"]["test"], size),
        size=size,
    )


def _shift_images(n_test: int, size: int) -> int | None:
    """80 corrupted sets of all test images would cost more than the training."""
    most = {28: 400, 64: 400, 128: 200, 224: 100}[size]
    return None if n_test <= (624 if size == 28 else most) else most


def _budget(
    base: str, n_train: int, backbone: str, size: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Settings of the smoke and the quick preset where their own would take hours."""
    exits = ("sae.n_inputs=1,2,4", "sae.n_exits=1,2,4")
    one = ("train.epochs=1",)
    if base == "retina" and size == 28:
        return (), ("train.epochs=12",)
    if backbone == "resnet":
        smaller = ("ensemble.n_members=2", "batch_ensemble.n_members=2", "mc_dropout.rate=0.1")
        epochs = 1 if n_train > _MANY else 2
        quick = (f"train.epochs={epochs}", "train.batch_size=64", "resnet.width=4", *smaller,
                 "sae.n_inputs=1,2", "sae.n_exits=1,2,4")  # fmt: skip
        return (*one, "resnet.width=4"), quick
    if backbone == "vgg":
        return one, (f"train.epochs={2 if n_train > _MANY else 4}", *exits)
    if n_train > _MANY:
        return one, ("train.epochs=2", *exits)
    return (), ()
