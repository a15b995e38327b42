"""What a test holds a record, its scores or a table's cell to be, for the type checker too."""

from __future__ import annotations

from typing import cast

from bench.records.schema import FailedRun, Failure, FinishedRun, Record, Scores


def done(record: Record | None) -> FinishedRun:
    assert isinstance(record, FinishedRun)
    return record


def error_of(record: Record | None) -> Failure:
    assert isinstance(record, FailedRun)
    return record.error


def on_test(record: Record | None) -> Scores:
    scores = done(record).metrics.test
    assert scores is not None
    return scores


def number(value: object) -> float:
    """Of a cell, or of a score that is defined."""
    return float(cast("float", value))
