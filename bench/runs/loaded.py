"""Data that a process has read once and keeps for all of its runs."""

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data import table as datasets
from bench.data.dataset import Dataset
from bench.data.row import DEDUPLICATED
from bench.data.table import DatasetRow
from bench.errors import as_user_error
from bench.records.store import storage_errors
from bench.runs.settings import SweepSettings
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.parallel import make_absent

Shifted = tuple[str, int, npt.NDArray[np.uint8]]


@functools.lru_cache(maxsize=2)
def load_dataset(
    dataset: str | DatasetRow, data: Path | None, cache: Path | None = None
) -> Dataset:
    """A dataset of the table or a row; see ``bench.data.table.load``."""
    return datasets.load(dataset, data=data, cache=cache)


def dataset_of(sweep: SweepSettings, name: str) -> Dataset:
    """A dataset of a sweep."""
    return load_dataset(sweep.row(name), sweep.data, sweep.cache)


def corrupted_tests(dataset: Dataset, cache: Path) -> Iterable[Shifted]:
    """The test images under every corruption and severity: (name, 1..5, images)."""
    return dataset.ready_sets() if dataset.shift is not None else _mapped(dataset, cache)


@functools.lru_cache(maxsize=2)
def _mapped(dataset: Dataset, cache: Path) -> list[Shifted]:
    with storage_errors(cache.parent):
        return list(_sets(dataset, cache))


def prepare_corrupted_tests(dataset: Dataset, cache: Path, *, processes: int) -> None:
    """Make the sets of `corrupted_tests` that the cache lacks; see ``make_absent``."""
    if dataset.shift is not None:
        return
    with storage_errors(cache.parent):
        make_absent(_sets(dataset, cache), processes=processes)


def _sets(dataset: Dataset, cache: Path) -> CorruptedSets:
    images_BHWQ = dataset.shift_test.images_BHWQ
    with as_user_error(f"dataset {dataset.name}"):  # images that cannot be corrupted
        # The same test images are corrupted alike whether or not train has duplicates of them.
        key = dataset.name.removesuffix(DEDUPLICATED)
        return CorruptedSets(images_BHWQ=images_BHWQ, key=key, cache=cache)
