"""Copy records without what only a network or a resampling of corrupted sets needs.

Weights, predictions under corruption and those of searches are left out, and all but a few epochs
of a history; test and validation predictions are kept as float16. Metrics, costs, configurations
and timings are those of the original record.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from bench.errors import UserError
from bench.records.schema import PREDICTIONS, FileName, FinishedRun
from bench.records.store import Reader, Store, search_folder, storage_errors

EPOCHS = 6
"""Of a history, evenly spread, the first and the last among them."""
_SMALL = ("study.json", "search/progress.csv", "search/trials.journal")

Item = TypeVar("Item")


def compact(results: Path, target: Path) -> int:
    """Copy every intact run that ``target`` lacks; how many were copied.

    Raises:
        UserError: a folder inside the other, or without runs.
        StorageError: one cannot be read or written.
    """
    if not (results / "runs").is_dir():
        raise UserError(f"{results}: not a results folder (it has no folder runs/)")
    if target.resolve() == results.resolve():
        raise UserError(f"{target}: is the folder of the records itself; name another one")
    count = 0
    for source, to in ((results, target), (search_folder(results), search_folder(target))):
        if (source / "runs").is_dir():
            count += _copy(Reader(source), Store(to))
    with storage_errors(target):
        for name in _SMALL:
            if (results / name).is_file():
                shutil.copyfile(results / name, target / name)
    return count


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of them, evenly spread, with the first and the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in places]


def _copy(source: Reader, target: Store) -> int:
    there, count = set(target.run_ids()), 0
    for record in source.records():
        if record.run_id in there:
            continue
        files: dict[FileName, bytes] = {}
        small = record
        if isinstance(record, FinishedRun):
            small = msgspec.structs.replace(record, history=spread(record.history, EPOCHS))
            if record.stage == "final":
                files[PREDICTIONS] = _predictions(source.folder(record.run_id) / PREDICTIONS)
        with target.lock(record.run_id, wait=True):
            target.save(msgspec.structs.replace(small, files={}, digest=""), files)
        count += 1
    return count


def _predictions(path: Path) -> bytes:
    """Without those under corruption; floats with 11 bits."""
    with np.load(path, allow_pickle=False) as arrays:
        kept = {name: arrays[name] for name in arrays if not name.startswith("ood/")}
    for name, values in kept.items():
        if values.dtype.kind == "f":
            kept[name] = values.astype(np.float16)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()
