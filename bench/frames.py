"""Records as flat pandas tables: what tables, figures and summary.csv are made of. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.metrics import TASKS, keys_for
from bench.records import Record, Store
from bench.search.budget import budgets, no_budgets

# The columns that every row of `runs` begins with; metrics and settings follow.
KEYS = (
    "run_id", "config_id", "dataset", "task", "method", "category", "label", "backbone", "seed",
    "split", "corruption", "severity", "flops", "params",
)  # fmt: skip
SETTINGS = ("width", "depth", "n_inputs", "n_exits", "n_members")
DEPTH_KEYS = (
    "run_id", "config_id", "dataset", "category", "seed", "n_inputs", "n_exits", "depth", "epoch",
    "progress", "input", "exit", "theta",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Frames:
    """All records of a results folder.

    Attributes:
        runs: one row a finished run and split. ``split`` is "val", "test", "ood" (the mean over
            corruptions and severities) or "corruption" (one of them); then the costs of the
            deployed network, the settings by name and one column a metric, NaN where it does not
            apply.
        depth: SAE's depth distribution along training, one row a run, epoch, input (0-based) and
            exit (1-based).
        failures: one row a failed run: run_id, dataset, category, label, seed, error.
        budgets: what was spent on a search, one row a dataset and method (``bench.search.budget``).
    """

    runs: pd.DataFrame
    depth: pd.DataFrame
    failures: pd.DataFrame
    budgets: pd.DataFrame = field(default_factory=no_budgets)


def load_frames(results: Path) -> Frames:
    """Read every record below ``results``, and what a search there has spent."""
    return replace(frames_of(Store(results).records()), budgets=budgets(results))


def frames_of(records: Iterable[Record]) -> Frames:
    """Flatten records."""
    runs: list[dict[str, Any]] = []
    depth: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for record in records:
        if record["status"] == "failed":
            failures.append(_failure(record))
            continue
        runs.extend(_split_rows(record))
        depth.extend(_depth_rows(record))
    return Frames(
        runs=_runs_frame(runs),
        depth=pd.DataFrame(depth, columns=list(DEPTH_KEYS)),
        failures=pd.DataFrame(
            failures, columns=["run_id", "dataset", "category", "label", "seed", "error"]
        ),
    )


def _runs_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    lead = [*KEYS, *SETTINGS]
    frame = frame.reindex(columns=[*lead, *(c for c in frame.columns if c not in lead)])
    metrics = {key for task in TASKS for key in keys_for(task)} & set(frame.columns)
    for column in ("severity", "flops", "params", *SETTINGS, *sorted(metrics)):
        frame[column] = pd.to_numeric(frame[column])  # null in a record is NaN here
    return frame


def _facts(record: Record) -> dict[str, Any]:
    config = record["config"]
    return {
        "run_id": record["run_id"],
        "config_id": record["config_id"],
        "dataset": config["dataset"],
        "task": record["dataset"]["task"],
        "method": config["method"]["name"],
        "category": record["category"],
        "label": record["label"],
        "backbone": config["backbone"]["name"],
        "seed": config["seed"],
        "flops": record["cost"]["flops"],
        "params": record["cost"]["params"],
        **config["backbone"]["settings"],
        **config["method"]["settings"],
        **config["training"],
    }


def _split_rows(record: Record) -> Iterator[dict[str, Any]]:
    facts, metrics = _facts(record), record["metrics"]
    for split in ("val", "test"):
        if split in metrics:  # a search has validation alone
            yield {**facts, "split": split, **metrics[split]}
    shifted = [
        {"corruption": name, "severity": int(severity), **values}
        for name, by_severity in metrics.get("corruptions", {}).items()
        for severity, values in by_severity.items()
    ]
    if shifted:
        yield {**facts, "split": "ood", **{name: _mean(shifted, name) for name in metrics["test"]}}
    for row in shifted:
        yield {**facts, "split": "corruption", **row}


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    """The mean of a metric over rows; NaN if one of them leaves it undefined or infinite."""
    values = [row[name] for row in rows]
    return math.nan if None in values else math.fsum(values) / len(values)


def _depth_rows(record: Record) -> Iterator[dict[str, Any]]:
    facts = _facts(record)
    for entry in record["history"]:
        for n, theta_D in enumerate(entry.get("theta", ())):
            for d, theta in enumerate(theta_D, start=1):
                position = {
                    "epoch": entry["epoch"],
                    "progress": entry["progress"],
                    "input": n,
                    "exit": d,
                    "theta": theta,
                }
                yield {**{k: facts[k] for k in DEPTH_KEYS if k in facts}, **position}


def _failure(record: Record) -> dict[str, Any]:
    config, error = record["config"], record["error"]
    return {
        "run_id": record["run_id"],
        "dataset": config["dataset"],
        "category": record["category"],
        "label": record["label"],
        "seed": config["seed"],
        "error": f"{error['type']}: {error['message']}",
    }
