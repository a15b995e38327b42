"""All runs of a results folder as a table, and one run as text."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.formatting import cells, rendering
from bench.records.pareto import quality_of
from bench.records.schema import FailedRun, FinishedRun, Record, Scores
from bench.records.store import Reader

HEADS = ("Run", "Method", "Configuration", "Seed", "Status", "Validation", "FLOPs")


def listing(records: Iterable[Record]) -> str:
    """A row per run, as a Markdown table; validation is the main metric of the task."""
    rows = [
        {
            "Run": record.run_id,
            "Method": record.category,
            "Configuration": record.label,
            "Seed": str(record.config.seed),
            "Status": record.status,
            "Validation": _main_score(record),
            "FLOPs": f"{record.cost.flops:,}" if isinstance(record, FinishedRun) else "",
        }
        for record in records
    ]
    return rendering.grid(pd.DataFrame(rows, columns=list(HEADS))) if rows else "no runs"


def _main_score(record: Record) -> str:
    if isinstance(record, FailedRun):
        return ""
    key, _ = quality_of(record.dataset.task)
    value = record.metrics.val.get(key)
    return "" if value is None else f"{key} {cells.number(value)}"


def failures(reader: Reader, *, tracebacks: bool) -> Iterator[str]:
    """Each failed run with its reason, and whole if asked for."""
    found = [record for record in reader.records() if isinstance(record, FailedRun)]
    for record in found:
        yield f"{record.run_id} ({record.label}): {record.error.type}: {record.error.message}"
        if tracebacks and record.error.traceback:
            yield record.error.traceback
    count = len(reader.run_ids())
    yield f"{len(found)} of {count} runs failed" if found else f"none of {count} runs failed"


def shown(record: Record, folder: Path) -> Iterator[str]:
    """One run as lines of text."""
    yield f"{record.run_id}: {record.category}, {record.label}, {record.status}"
    yield f"folder: {folder}"
    yield f"settings: {_pairs(record.config.flat)}"
    if isinstance(record, FailedRun):
        yield f"error: {record.error.type}: {record.error.message}"
        yield record.error.traceback
        return
    data = record.dataset
    sizes = _pairs(dict(data.sizes))
    yield f"data: {data.name}, {data.task}, {sizes}, fingerprint {data.fingerprint}"
    yield f"cost: {record.cost.flops:,} FLOPs, {record.cost.params:,} parameters"
    for split, scores in _splits(record):
        yield f"{split}: {_scores(scores)}"
    timings = record.timings
    yield f"time: training {timings.train_s:.1f} s, evaluation {timings.evaluate_s:.1f} s"
    yield f"circumstances: {_pairs(record.circumstances)}"
    for name, digest in record.files.items():
        yield f"file: {name} sha256 {digest}"


def _splits(record: FinishedRun) -> Iterator[tuple[str, Scores]]:
    yield "validation", record.metrics.val
    if record.metrics.test is not None:
        yield "test", record.metrics.test
    for corruption, by_severity in record.metrics.corruptions.items():
        for severity, scores in by_severity.items():
            yield f"{corruption} {severity}", scores


def _scores(scores: Scores) -> str:
    return _pairs({key: "undefined" if v is None else f"{v:.4g}" for key, v in scores.items()})


def _pairs(values: Mapping[Any, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
