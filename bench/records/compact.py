"""Copy records to be committed: without what only a network, or a look at single images, needs.

Left out: weights; predictions on validation, under corruption and of members; most epochs of a
history and all of it but the depth distribution; the journal of a search. Instead of predictions
lie the influences of groups of examples, which intervals are made of (`bench.statistics.influence`;
by severity those of the mean over corruptions alone). Of the test mixture
probabilities are kept within 0.1%, metrics with 6 digits. The text of a record is compressed.
"""

import io
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from bench.errors import UserError
from bench.records.schema import PREDICTIONS, Epoch, FileName, FinishedRun, Record, record_of
from bench.records.store import Reader, Store, require_runs, stages, storage_errors

EPOCHS = 6
"""Epochs kept of a history, evenly spread, the first and the last among them."""
_KEPT_DIAGNOSTICS = ("theta", "theta_optimum")
_DIGITS = 6
_SMALL = ("study.json", "search/progress.csv")
_MOST = np.iinfo(np.int16).max
_LOG_STEP = 1 / 512  # a probability within 0.1%

Item = TypeVar("Item")
Arrays = Mapping[str, npt.NDArray[np.float64]]
# Of a run: by "test", "val", "ood" or "severity", the influences by metric.
Influences = Callable[[Path, str], Mapping[str, Arrays]]


def compact(results: Path, target: Path, influences: Influences) -> int:
    """Copy every intact run that ``target`` lacks; how many were copied.

    Results folders directly below ``results`` (those of a study's parts) are copied below the
    target.
    """
    folders = list(_results_below(results))
    if not folders:
        require_runs(results)
    if target.resolve().is_relative_to(results.resolve()):
        raise UserError(f"{target}: is the folder of the records, or in it; name another one")
    count = sum(
        _copy(Reader(folder), Store(target / folder.relative_to(results)), influences)
        for folder in folders
    )
    with storage_errors(target):
        for name in _SMALL:
            if (results / name).is_file():
                shutil.copyfile(results / name, target / name)
    return count


def _results_below(results: Path) -> Iterator[Path]:
    candidates = [results, *sorted(path for path in results.glob("*") if path.is_dir())]
    for folder in candidates:
        for stage in stages(folder):
            if (stage / "runs").is_dir() and (folder == results or folder.name != "search"):
                yield stage


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of them, evenly spread, with the first and the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in places]


def _copy(source: Reader, target: Store, influences: Influences) -> int:
    there, count = set(target.run_ids()), 0
    for record in source.records():
        if record.run_id in there:
            continue
        files: dict[FileName, bytes] = {}
        if isinstance(record, FinishedRun) and record.stage == "final":
            found = influences(source.root, record.run_id)
            files[PREDICTIONS] = _predictions(source.folder(record.run_id) / PREDICTIONS, found)
        with target.lock(record.run_id, wait=True):
            target.save(_small(record), files, compressed=True)
        count += 1
    return count


def _small(record: Record) -> Record:
    """A copy with a short history and rounded numbers; saving it makes its digests anew."""
    if not isinstance(record, FinishedRun):
        return record
    epochs = spread(record.history, EPOCHS) if record.stage == "final" else []
    short = [
        Epoch(
            epoch=one.epoch,
            progress=one.progress,
            diagnostics={k: one.diagnostics[k] for k in _KEPT_DIAGNOSTICS if k in one.diagnostics},
        )
        for one in epochs
    ]
    values = msgspec.to_builtins(msgspec.structs.replace(record, history=short), str_keys=True)
    for name in ("metrics", "history"):
        values[name] = rounded(values[name])
    return record_of(values)


def rounded(values: Any) -> Any:
    """JSON values with floats of 6 significant digits."""
    if isinstance(values, float) and math.isfinite(values):
        return float(f"{values:.{_DIGITS}g}")
    if isinstance(values, dict):
        return {key: rounded(value) for key, value in values.items()}
    return [rounded(value) for value in values] if isinstance(values, list) else values


def _predictions(path: Path, influences: Mapping[str, Arrays]) -> bytes:
    """The test mixture, and the influences as whole numbers of a scale for each metric."""
    with np.load(path, allow_pickle=False) as arrays:
        y_B = arrays["test/y"]
        kept = _mixture(arrays["test/mixed"], is_log=y_B.dtype.kind != "f")
    kept["test/y"] = _narrow(y_B)
    for what, by_key in influences.items():
        if not by_key:
            continue
        values_KG = np.stack(list(by_key.values()))
        scale_K = np.abs(values_KG).max(axis=1) / _MOST  # NaN where a metric is infinite
        steps_KG = values_KG / np.where(scale_K > 0, scale_K, 1.0)[:, None]
        kept[f"influence/{what}"] = np.nan_to_num(steps_KG).round().astype(np.int16)
        kept[f"influence/{what}/scale"] = scale_K.astype(np.float32)
        kept[f"influence/{what}/keys"] = np.array(list(by_key))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()


def _mixture(mixed_BC: npt.NDArray[Any], *, is_log: bool) -> dict[str, npt.NDArray[Any]]:
    """Log-probabilities in steps of `_LOG_STEP`; the outputs of a regression as they are."""
    if not is_log:
        return {"test/mixed": mixed_BC}
    least = np.iinfo(np.int16).min
    steps_BC = np.maximum(np.nan_to_num(mixed_BC / _LOG_STEP), least).round()
    return {"test/mixed": steps_BC.astype(np.int16), "test/mixed/scale": np.array(_LOG_STEP)}


def _narrow(y_B: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels in the smallest type; targets of a regression as they are."""
    return y_B if y_B.dtype.kind == "f" else y_B.astype(np.min_scalar_type(int(y_B.max())))
