"""Metrics and corruptions from outside: files with rows for the two tables.

Every `Metric` and `Corruption` at the top level of a file becomes a row. An environment variable
names the files, so that worker processes and later commands have the same rows; `bench` registers
them when it is imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError, as_user_error
from bench.metrics import table as metrics
from bench.metrics.table import TASKS, TEMPERATURE_SUFFIX, Metric
from bench.metrics.weighted import WeightedMetric
from bench.shift import table as corruptions
from bench.shift.table import SEVERITIES, Corruption
from methods.core.registry import files_of, imported

VARIABLE = "SAE_BENCH_EXTENSIONS"
PREFIX = "sae_bench_extension_"
"""How the names of the modules begin that are made of files."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


def register_all() -> None:
    """Register every file of the environment variable that is not; raises as `add_file`."""
    for path in files_of(VARIABLE):
        _register(path)


def add_file(path: Path) -> None:
    """Register a file for this process and those that it starts.

    Raises:
        UserError: there is no such file, it cannot be imported, it has no row, or a row is wrong.
    """
    path = path.expanduser().resolve()
    _register(path)
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys(map(str, [*files_of(VARIABLE), path])))


def _register(path: Path) -> None:
    name = PREFIX + path.stem
    if name in sys.modules:
        known = Path(str(sys.modules[name].__file__))
        if known != path:
            raise UserError(f"extension {path}: {known} has that name already; rename the file")
        return
    if path.suffix != ".py" or not path.is_file():
        raise UserError(f"extension {path}: must be a Python file, and there is none")
    with as_user_error():
        found = vars(imported(f"extension {path}", name, path)).values()
    scores = [row for row in found if isinstance(row, Metric)]
    shifts = [row for row in found if isinstance(row, Corruption)]
    try:
        _check(scores, shifts)
    except ValueError as error:
        del sys.modules[name]
        raise UserError(f"extension {path}: {error}") from error
    metrics.register(scores)
    corruptions.register(shifts)


def _check(scores: Sequence[Metric], shifts: Sequence[Corruption]) -> None:
    if not scores and not shifts:
        raise ValueError("has no Metric and no Corruption at its top level")
    for score in scores:
        _check_metric(score)
    for shift in shifts:
        _check_corruption(shift)


def _check_metric(row: Metric) -> None:
    from bench.records.costs import COSTS, PAPER_COSTS  # and pandas: rarely needed
    from bench.records.frames import KEYS, SETTINGS

    taken = {*KEYS, *COSTS, *PAPER_COSTS, *SETTINGS}
    if row.task not in TASKS:
        raise ValueError(f"metric {row.name!r}: task={row.task!r}; choices: {', '.join(TASKS)}")
    if row.name in metrics.keys_for(row.task):
        raise ValueError(f"metric {row.name!r}: {row.task} has one of that name; rename it")
    if not _NAME.fullmatch(row.name) or row.name.endswith(TEMPERATURE_SUFFIX) or row.name in taken:
        raise ValueError(
            f"metric {row.name!r}: the name must be of a-z, 0-9 and _, begin with a letter, not "
            f"end with {TEMPERATURE_SUFFIX}, and be no column of summary.csv"
        )
    if not isinstance(row.compute, WeightedMetric) or row.compute.bounds != row.bounds:
        raise ValueError(
            f"metric {row.name!r}: compute must be a function under @weighted_metric(low, high), "
            "with bounds=(low, high) in the row"
        )
    for field, choices in (
        ("direction", ("higher", "lower")),
        ("kind", ("performance", "calibration", "diversity")),
    ):
        if getattr(row, field) not in choices:
            raise ValueError(
                f"metric {row.name!r}: {field}={getattr(row, field)!r}; choices: "
                f"{', '.join(choices)}"
            )


def _check_corruption(row: Corruption) -> None:
    if not _NAME.fullmatch(row.name) or row.name in corruptions.CORRUPTIONS:
        raise ValueError(
            f"corruption {row.name!r}: the name must be of a-z, 0-9 and _, begin with a letter, "
            "and not be that of another"
        )
    if len(row.constants) != len(SEVERITIES) or not callable(row.build):
        raise ValueError(
            f"corruption {row.name!r}: needs {len(SEVERITIES)} constants, mild to severe, and a "
            "function build(imgaug, constant, side, seed)"
        )
