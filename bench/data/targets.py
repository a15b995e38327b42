"""Regression targets of a split: the strict reader of `targets.csv`.

A header with the columns file and target, each once; one row per image, as long as the header;
numbers such as 3.75, -1 or 2e-3. A decimal comma, a thousands separator or a field too many is an
error that names the line, never another number.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from bench.data.file_tree import FileTree
from bench.errors import UserError

TARGETS = "targets.csv"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 100


def read_targets(tree: FileTree, split: str, images: Iterable[str]) -> dict[str, float]:
    """Targets by file name, as they are in the split's table and in its order."""
    table = f"{split}/{TARGETS}"
    rows = _rows(tree.text(table), f"{tree.where}: {table}")
    _, header = next(rows, ("", []))
    names = [name.strip() for name in header]
    for column in ("file", "target"):
        if names.count(column) != 1:
            raise UserError(
                f"{tree.where}: {table} must have the header file,target, each once: it is "
                f"{','.join(header)!r}"
            )
    file_at, target_at = names.index("file"), names.index("target")
    expected, targets = set(images), dict[str, float]()
    for where, row in rows:
        if len(row) != len(header):
            hint = ": a decimal comma?" if len(row) > len(header) else ""
            raise UserError(f"{where} has {len(row)} fields, the header has {len(header)}{hint}")
        file = unicodedata.normalize("NFC", row[file_at])
        name = f"{split}/{file}"
        if name not in expected:
            raise UserError(f"{where}: there is no image {_short(name)}")
        if name in targets:
            raise UserError(f"{where}: {file} has a row already")
        targets[name] = _number(row[target_at], where)
    missing = sorted(expected - targets.keys())
    if missing:
        raise UserError(f"{tree.where}: {table} has no row of {missing[0]}")
    return targets


def scaled(targets_B: npt.ArrayLike, limits: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Targets with `limits` at 0 and 1.

    Raises:
        ValueError: one is too far from the limits for float32, or not finite.
    """
    values_B = np.asarray(targets_B)
    low, high = limits
    with np.errstate(over="ignore"):
        scaled_B = ((values_B.astype(np.float64) - low) / (high - low)).astype(np.float32)
    wrong = values_B[~np.isfinite(scaled_B)]
    if wrong.size:
        raise ValueError(
            f"target {wrong[0]}: all targets must be finite, and not too far from those of train, "
            f"{low:g} to {high:g}"
        )
    return scaled_B


def _rows(text: str, table: str) -> Iterator[tuple[str, list[str]]]:
    """Where a row is, for messages, and its fields; empty lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{table} line {reader.line_num}: {error}") from error
        if row:
            yield f"{table} line {reader.line_num}", row


def _number(text: str, where: str) -> float:
    number = float(text) if NUMBER.fullmatch(text.strip(" ")) else math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: target {_short(text)!r} must be a finite number such as 3.75")
    return number


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
