"""Stored predictions as what metrics read: no network and no data set is needed again."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.errors import UserError
from bench.metrics.predictive import FloatArray, IntArray, Predictive
from bench.records.schema import PREDICTIONS, FinishedRun, RecordError, Task
from bench.records.store import Reader
from bench.statistics.cache import Arrays

Split = Literal["val", "test"]


def record_of(root: Path, run_id: str) -> FinishedRun:
    """The record of a finished run below the results folder ``root``.

    Raises:
        UserError: there is none, or it is damaged, or it failed.
    """
    return _record(stamp(root, run_id), root, run_id)


def stamp(root: Path, run_id: str) -> int:
    """Tells a run from one that is trained anew under its name, in a process that lives on."""
    path = root / "runs" / run_id / PREDICTIONS
    return path.stat().st_mtime_ns if path.is_file() else 0


@functools.lru_cache(maxsize=64)
def _record(_stamp: int, root: Path, run_id: str) -> FinishedRun:
    try:
        record = Reader(root).read(run_id)
    except RecordError as damage:
        raise UserError(f"run {run_id} in {root}: {damage}") from None
    if not isinstance(record, FinishedRun):
        raise UserError(f"run {run_id} in {root} failed; it has no predictions")
    return record


def stored(root: Path, run_id: str, split: Split) -> Predictive:
    """The predictive of one split of a run: members and mixture; of a compact record the mixture.

    Raises:
        UserError: there is no such run, or it has no predictions of that split.
    """
    task = record_of(root, run_id).dataset.task
    with _archive(root, run_id) as arrays:
        if f"{split}/mixed" not in arrays:
            raise UserError(
                f"run {run_id} in {root} has no predictions of the split {split!r}; "
                "runs of a search have validation alone"
            )
        mixed_BC, y_B = arrays[f"{split}/mixed"], arrays[f"{split}/y"]
        if f"{split}/members" not in arrays:
            scale = arrays.get(f"{split}/mixed/scale", 1.0)
            return _alone(task, mixed_BC * np.float64(scale), y_B)
        return Predictive(
            task=task,
            mixed_BC=mixed_BC,
            members_BMC=arrays[f"{split}/members"],
            weights_M=arrays["weights"],
            y_B=y_B,
        )


def kept_influences(root: Path, run_id: str, what: str) -> Arrays | None:
    """The influences that a compact record has instead of predictions, by metric; None: has none.

    Args:
        root: the results folder.
        run_id: of the run.
        what: "test", "val", "ood" or "severity" (`bench.records.compact`).

    Raises:
        UserError: there is no such run.
    """
    name = f"influence/{what}"
    with _archive(root, run_id) as arrays:
        if not any(one.startswith("influence/") for one in arrays):
            return None
        if name not in arrays:
            return {}
        values_KG = arrays[name] * arrays[f"{name}/scale"].astype(np.float64)[:, None]
        return dict(zip(arrays[f"{name}/keys"].tolist(), values_KG, strict=True))


def _alone(task: Task, mixed_BC: FloatArray, y_B: IntArray | FloatArray) -> Predictive:
    """The mixture as the only member."""
    return Predictive(
        task=task,
        mixed_BC=mixed_BC,
        members_BMC=mixed_BC[:, None],
        weights_M=np.ones(1),
        y_B=y_B,
    )


def shifted(root: Path, run_id: str) -> Iterator[tuple[str, int, Predictive]]:
    """(corruption, severity, predictive) of each corrupted test set, as they were evaluated.

    Members are not stored under corruption: the mixture is the predictive's only member, so that
    metrics of the members mean nothing here (``Metric.reads_members``).

    Raises:
        UserError: there is no such run.
    """
    task = record_of(root, run_id).dataset.task
    with _archive(root, run_id) as arrays:
        corrupted = [name for name in arrays if name.startswith("ood/") and name != "ood/y"]
        if not corrupted:
            return
        y_B = arrays["ood/y"]
        for name in corrupted:
            _, corruption, severity = name.split("/")
            yield corruption, int(severity), _alone(task, arrays[name], y_B)


@contextmanager
def _archive(root: Path, run_id: str) -> Iterator[Mapping[str, Any]]:
    """The arrays of a run; each is read when it is asked for."""
    path = root / "runs" / run_id / PREDICTIONS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise UserError(f"run {run_id} in {root} has no {PREDICTIONS}") from None
