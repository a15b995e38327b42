"""What a part of the GPU kit found, on disk after every row: what is cut short keeps them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.runs.environment import processor
from bench.storage.atomic import write_whole
from perf.speed.row import Row, table


class Report:
    """The rows of one part.

    Args:
        path: of the JSON file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[Row] = []

    def add(self, quantity: str, value: float | None, unit: str, remark: str = "") -> None:
        """Print a row and write all of them."""
        row = Row(quantity=quantity, value=value, unit=unit, remark=remark)
        self.rows.append(row)
        print(
            f"  {quantity}: {value if value is None else f'{value:.4g}'} {unit} {remark}",
            flush=True,
        )
        text = json.dumps([row.as_dict() for row in self.rows], indent=1)
        write_whole(self._path, text.encode())


def rows_of(path: Path) -> list[Row]:
    """The rows that are there."""
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return [Row.from_dict(values) for values in found]


def page(machine: str, parts: Mapping[str, Sequence[Row]], ends: Mapping[str, str]) -> str:
    """The Markdown page of all parts.

    Args:
        machine: a line.
        parts: rows by name of the part.
        ends: how each part ended.
    """
    sections = [f"# On a GPU\n\nWritten by `python -m perf.gpu`. {machine}\n"]
    for name, rows in parts.items():
        sections.append(f"## {name}\n\n{ends.get(name, '')}\n\n{table(list(rows))}")
    return "\n".join(sections)


def machine(device: str) -> str:
    """The device, the cores and the versions, in a line."""
    import torch

    name = torch.cuda.get_device_name() if device.startswith("cuda") else processor()
    return (
        f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, {platform.python_version()}."
    )
