"""What predictions give a record that is made by hand: its metrics, and the file beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.predictive import Predictive
from bench.metrics.table import evaluate
from bench.records.schema import PREDICTIONS, FileName

# By "val", "test" and "<corruption>/<severity>".
Splits = Mapping[str, Predictive]


def metrics_of(splits: Splits, temperature: float = 1.5) -> dict[str, Any]:
    """The metrics of a record, as JSON values."""
    found: dict[str, Any] = {}
    for name, split in splits.items():
        corruption, _, severity = name.partition("/")
        below = (
            found.setdefault("corruptions", {}).setdefault(corruption, {}) if severity else found
        )
        below[severity or name] = evaluate(split, temperature)
    return found


def files_of(splits: Splits) -> dict[FileName, bytes]:
    """The predictions as a run stores them, in single precision."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, split in splits.items():
        mixed_BC = split.mixed_BC.astype(np.float32)
        if "/" in name:
            arrays |= {"ood/y": split.y_B, f"ood/{name}": mixed_BC}
        else:
            arrays["weights"] = split.weights_M.astype(np.float32)
            arrays[f"{name}/members"] = split.members_BMC.astype(np.float32)
            arrays |= {f"{name}/mixed": mixed_BC, f"{name}/y": split.y_B}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return {PREDICTIONS: buffer.getvalue()}


def rounded(
    task: str,
    mixed_BC: npt.NDArray[Any],
    members_BMC: npt.NDArray[Any],
    weights_M: npt.NDArray[Any],
    y_B: npt.NDArray[Any],
) -> Predictive:
    """As stored: predictions in single precision, so that a record and its files agree exactly."""
    return Predictive(
        task=task,
        mixed_BC=mixed_BC.astype(np.float32),
        members_BMC=members_BMC.astype(np.float32),
        weights_M=weights_M.astype(np.float32),
        y_B=y_B,
    )
