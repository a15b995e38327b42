"""What a part of the benchmark hands back, and how it is kept."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.deploy.latency.measuring import machine
from bench.runs.environment import git_commit
from perf.speed.row import Row


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Rows for the table, and JSON values for the figure and for whoever doubts the table."""

    rows: list[Row]
    data: dict[str, Any] = field(default_factory=dict)


class Part(Protocol):
    """A part: measures, fully or quickly (rough, to see that it runs)."""

    def __call__(self, *, quick: bool) -> Measured:
        """Rows and data."""


# By name of the part.
Records = dict[str, dict[str, Any]]


def record(measured: Measured, *, quick: bool, seconds: float) -> dict[str, Any]:
    """A part's record: what was measured, where, when and of which code."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        "rows": [row.as_dict() for row in measured.rows],
        "data": measured.data,
        "quick": quick,
        "seconds": round(seconds, 1),
        "when": now.isoformat(),
        "commit": git_commit(),
        "machine": machine(1),
    }


def read(path: Path) -> Records:
    """All parts that have been measured."""
    found: Records = json.loads(path.read_text()) if path.exists() else {}
    return found
