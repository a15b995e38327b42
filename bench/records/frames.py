"""Records as flat pandas tables: what tables, figures and summary.csv are made of. No torch."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from bench.metrics.table import keys_for
from bench.records.costs import COSTS, PAPER_COSTS
from bench.records.flags import code_notes
from bench.records.measurements import with_measures
from bench.records.schema import FailedRun, FinishedRun, Record, Scores
from bench.records.search_budget import budgets, no_budgets
from bench.records.selection import SELECTION_METRIC, chosen_by_category
from bench.records.store import Reader

# The columns that every row of `runs` begins with; metrics and settings follow.
KEYS = (
    "run_id", "config_id", "dataset", "task", "method", "category", "label", "backbone", "seed",
    "split", "corruption", "severity", "flops", "params", "paper_flops", "paper_params",
)  # fmt: skip
SETTINGS = ("width", "depth", "n_inputs", "n_exits", "n_members")
RUN_KEYS = ("run_id", "config_id", "dataset", "category", "label", "seed")
TIMINGS = ("train_s", "evaluate_s", "train_cpu_s", "evaluate_cpu_s")
PART_KEYS = (*RUN_KEYS, "backbone", "part", "flops")
DEPTH_KEYS = (
    "run_id", "config_id", "dataset", "category", "seed", "n_inputs", "n_exits", "depth", "epoch",
    "progress", "input", "exit", "theta", "optimum",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Frames:
    """All records of a results folder.

    Attributes:
        runs: one row per finished run and split. ``split`` is "val", "test", "ood" (the mean over
            corruptions and severities) or "corruption" (one of them); then the costs of the
            deployed network, those that the paper counts, the settings by name and one column per
            metric, NaN where it does not apply.
        depth: SAE's depth distribution along training, one row per run, epoch, input (0-based) and
            exit (1-based): theta, and optimum, the theta at which the objective was least (NaN in
            older records).
        failures: one row per failed run: ``RUN_KEYS`` and error.
        parts: what each part of a deployed network costs, one row per run and part: ``RUN_KEYS``,
            backbone, part (a module path, see ``bench.cost``), flops.
        timings: one row per finished run: ``RUN_KEYS`` and ``TIMINGS`` in seconds.
        budgets: what was spent on a search, one row per dataset and method
            (``bench.records.search_budget``).
        notes: sentences on runs that other code has made than the rest.
        root: the results folder, for what is not in the records (predictions); None for frames
            that were not read from one.
        select: the metric whose validation value chooses (``bench.records.selection``).
    """

    runs: pd.DataFrame
    depth: pd.DataFrame
    failures: pd.DataFrame
    parts: pd.DataFrame = field(default_factory=lambda: _frame([], PART_KEYS))
    timings: pd.DataFrame = field(default_factory=lambda: _frame([], (*RUN_KEYS, *TIMINGS)))
    budgets: pd.DataFrame = field(default_factory=no_budgets)
    notes: tuple[str, ...] = ()
    root: Path | None = None
    select: str = SELECTION_METRIC

    def chosen(self, runs: pd.DataFrame) -> pd.DataFrame:
        """``chosen_by_category`` of one dataset's rows of ``runs``, by ``select``."""
        return chosen_by_category(runs, self.select)


def load_frames(results: Path, select: str = SELECTION_METRIC) -> Frames:
    """Read every record below ``results``, and what a search there has spent."""
    return completed(frames_of(Reader(results).records()), results, select)


def completed(frames: Frames, results: Path, select: str = SELECTION_METRIC) -> Frames:
    """The frames of a folder's records with what lies beside them: measurements and budgets."""
    runs = with_measures(frames.runs, results)
    return replace(frames, runs=runs, budgets=budgets(results), root=results, select=select)


def frames_of(records: Iterable[Record]) -> Frames:
    """Flatten records."""
    runs: list[dict[str, Any]] = []
    depth: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    timings: list[dict[str, Any]] = []
    made: list[tuple[str, str, str | None]] = []
    for record in records:
        if isinstance(record, FailedRun):
            failures.append(_failure(record))
            continue
        made.append((record.config.method.name, record.config.backbone.name, record.code))
        runs.extend(split_rows(record))
        depth.extend(_depth_rows(record))
        parts.extend(_part_rows(record))
        timings.append({**_run(record), **msgspec.to_builtins(record.timings)})
    return Frames(
        runs=_runs_frame(runs),
        depth=_frame(depth, DEPTH_KEYS),
        failures=_frame(failures, (*RUN_KEYS, "error")),
        parts=_frame(parts, PART_KEYS),
        timings=_frame(timings, (*RUN_KEYS, *TIMINGS)),
        notes=code_notes(made),
    )


def _frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


def _runs_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    lead = [*KEYS, *SETTINGS]
    frame = frame.reindex(columns=[*lead, *(c for c in frame.columns if c not in lead)])
    # Metrics newer than the records are there, without values.
    metrics = {key for task in {row["task"] for row in rows} for key in keys_for(task)}
    frame[sorted(metrics - set(frame.columns))] = math.nan
    for column in ("severity", *COSTS, *PAPER_COSTS, *SETTINGS, *sorted(metrics)):
        frame[column] = pd.to_numeric(frame[column])  # null in a record is NaN here
    return frame


def _facts(record: FinishedRun) -> dict[str, Any]:
    config = record.config
    return {
        # First: a setting of a method's own never hides what is measured.
        **config.backbone.settings,
        **config.method.settings,
        **config.training,
        **_run(record),
        "task": record.dataset.task,
        "method": config.method.name,
        "backbone": config.backbone.name,
        **{key: getattr(record.cost, key) for key in (*COSTS, *PAPER_COSTS)},
    }


def split_rows(record: FinishedRun) -> Iterator[dict[str, Any]]:
    """Rows of `Frames.runs` that are of one record."""
    facts, metrics = _facts(record), record.metrics
    yield {**facts, "split": "val", **metrics.val}
    if metrics.test is None:  # a search has validation alone
        return
    yield {**facts, "split": "test", **metrics.test}
    shifted = [
        (name, severity, scores)
        for name, by_severity in metrics.corruptions.items()
        for severity, scores in by_severity.items()
    ]
    if shifted:
        scores_of_all = [scores for _, _, scores in shifted]
        yield {**facts, "split": "ood", **{key: _mean(scores_of_all, key) for key in metrics.test}}
    for name, severity, scores in shifted:
        place = {"split": "corruption", "corruption": name, "severity": severity}
        yield {**facts, **place, **scores}


def _mean(scores_S: list[Scores], key: str) -> float:
    """The mean of a metric over sets; NaN if one of them leaves it undefined or infinite."""
    values = [scores.get(key) for scores in scores_S]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else math.nan


def _depth_rows(record: FinishedRun) -> Iterator[dict[str, Any]]:
    facts = _facts(record)
    for epoch in record.history:
        optimum_ND = epoch.optimum_ND
        for n, theta_D in enumerate(epoch.theta_ND):
            for d, theta in enumerate(theta_D, start=1):
                position = {
                    "epoch": epoch.epoch,
                    "progress": epoch.progress,
                    "input": n,
                    "exit": d,
                    "theta": theta,
                    "optimum": optimum_ND[n][d - 1] if optimum_ND else math.nan,
                }
                yield {**{k: facts[k] for k in DEPTH_KEYS if k in facts}, **position}


def _part_rows(record: FinishedRun) -> Iterator[dict[str, Any]]:
    backbone = record.config.backbone.name
    for part, flops in record.cost.flops_by_part.items():
        yield {**_run(record), "backbone": backbone, "part": part, "flops": flops}


def _failure(record: FailedRun) -> dict[str, Any]:
    return {**_run(record), "error": f"{record.error.type}: {record.error.message}"}


def _run(record: Record) -> dict[str, Any]:
    """``RUN_KEYS`` of a record."""
    return {
        "run_id": record.run_id,
        "config_id": record.config_id,
        "dataset": record.config.dataset,
        "category": record.category,
        "label": record.label,
        "seed": record.config.seed,
    }
