"""Every metric of a run on every resample, computed once and kept below the results folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import UserError
from bench.metrics import adaptive_ece, calibration, diversity, predictive, scores, weighted
from bench.metrics import table as metrics
from bench.metrics.predictive import FloatArray, Predictive
from bench.metrics.table import applications, keys_for
from bench.records.store import Record
from bench.statistics import bootstrap, predictions
from bench.statistics.bootstrap import N_RESAMPLES, example_counts
from bench.statistics.cache import Arrays, cached, path_of
from bench.statistics.predictions import record_of, shifted, stored

Split = Literal["val", "test", "ood"]
BySeverity = dict[tuple[str, int, str], FloatArray]
# The code that the values depend on.
_SOURCES = (
    adaptive_ece, bootstrap, calibration, diversity, metrics, predictions, predictive, scores,
    weighted,
)  # fmt: skip


def evaluate_resamples(
    split: Predictive,
    temperature: float | None,
    counts_RB: npt.NDArray[np.generic],
    keys: Collection[str] | None = None,
) -> Arrays:
    """``bench.metrics.table.evaluate`` of each resample: values of shape (R,) for each key.

    Args:
        split: the predictions.
        temperature: as ``evaluate``; the same in all resamples.
        counts_RB: how often each resample holds each sample.
        keys: which of ``evaluate``'s keys to compute; None computes all.
    """
    found: dict[str, list[FloatArray]] = {}
    for rows_RB in weighted.blocks(counts_RB):
        # Converted once for all metrics, to what they read fastest.
        block_RB = rows_RB.astype(np.float64, order="F", copy=False)
        for key, metric, scaled in applications(split, temperature):
            if keys is None or key in keys:
                found.setdefault(key, []).append(metric.compute.resampled(scaled, block_RB))
    return {key: np.concatenate(values) for key, values in found.items()}


def of_run(root: Path, run_id: str, split: Split, n_resamples: int = N_RESAMPLES) -> Arrays:
    """Every metric of a run's split on each resample, by key, shape (R,).

    "ood" is the mean over all corruptions and severities, in each resample; metrics that read the
    members are not among its keys, since members under corruption are not stored.

    Raises:
        UserError: there is no such run, or it has no predictions of that split.
    """
    record = record_of(root, run_id)

    def compute() -> Arrays:
        if split == "ood":
            by_set = [values for _, _, values in _under_shift(root, record, n_resamples)]
            return {key: np.mean([values[key] for values in by_set], axis=0) for key in by_set[0]}
        found = stored(root, run_id, split)
        counts_RB = _counts(record, split, len(found.y_B), n_resamples)
        return evaluate_resamples(found, record["temperature"], counts_RB)

    return _cached(root, record, _question(split, n_resamples), compute)


def by_severity(
    root: Path, run_id: str, keys: Collection[str], n_resamples: int = N_RESAMPLES
) -> BySeverity:
    """(corruption, severity, key) -> the metric under that corruption on each resample, (R,).

    Raises:
        UserError: there is no such run, or it has no predictions under corruption.
    """
    record = record_of(root, run_id)
    wanted = sorted(set(keys))

    def compute() -> Arrays:
        return {
            f"{corruption}/{severity}/{key}": values_R
            for corruption, severity, values in _under_shift(root, record, n_resamples, wanted)
            for key, values_R in values.items()
        }

    found = _cached(root, record, _question(tuple(wanted), n_resamples), compute)
    names = {name: name.split("/") for name in found}
    return {(name, int(level), key): found[path] for path, (name, level, key) in names.items()}


def cold_work(
    root: Path, run_id: str, split: Split | tuple[str, ...], n_resamples: int = N_RESAMPLES
) -> int:
    """How many counts of samples have to be read for values that are not kept yet; 0: they are.

    Args:
        root: the results folder.
        run_id: of a finished run.
        split: as `of_run`, or the keys of `by_severity`.
        n_resamples: how many resamples.

    Raises:
        UserError: there is no such run.
    """
    record = record_of(root, run_id)
    question = _question(split, n_resamples)
    if path_of(root, run_id, [record["digest"], question], _SOURCES).exists():
        return 0
    data = record["dataset"]
    if split in ("val", "test"):
        return int(data["sizes"][split]) * n_resamples
    n_sets = sum(map(len, record["metrics"].get("corruptions", {}).values()))
    return int(data["shift_images"]) * n_sets * n_resamples


def _question(split: Split | tuple[str, ...], n_resamples: int) -> list[object]:
    if isinstance(split, tuple):
        return ["severity", sorted(set(split)), n_resamples]
    return [split, n_resamples]


def _under_shift(
    root: Path, record: Record, n_resamples: int, keys: Collection[str] | None = None
) -> Iterator[tuple[str, int, Arrays]]:
    """Each corrupted set on the same resamples: they are versions of the same images."""
    kept = [
        key
        for key, metric in keys_for(record["dataset"]["task"]).items()
        if not metric.reads_members and (keys is None or key in keys)
    ]
    drawn_RB = _counts(record, "ood", record["dataset"]["shift_images"], n_resamples)
    counts_RB = drawn_RB.astype(np.float64, order="F")  # once for all sets
    done = False
    for corruption, severity, found in shifted(root, record["run_id"]):
        done = True
        yield (
            corruption,
            severity,
            evaluate_resamples(found, record["temperature"], counts_RB, kept),
        )
    if not done:
        raise UserError(f"run {record['run_id']} in {root} has no predictions under corruption")


@functools.lru_cache(maxsize=2)
def _drawn(dataset: str, split: str, n_samples: int, n_resamples: int) -> npt.NDArray[np.uint16]:
    """The draws of the last splits in memory: all runs of a dataset share them."""
    return example_counts(dataset, split, n_samples, n_resamples)


def _counts(record: Record, split: str, n_samples: int, n_resamples: int) -> npt.NDArray[np.uint16]:
    return _drawn(record["config"]["dataset"], split, n_samples, n_resamples)


def _cached(
    root: Path, record: Record, question: list[object], compute: Callable[[], Arrays]
) -> Arrays:
    return cached(root, record["run_id"], [record["digest"], question], _SOURCES, compute)
