"""Small results folders made of given predictions, as a run would have written them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from made_records import made
from scipy.special import log_softmax, logsumexp

from bench.metrics.predictive import Predictive
from bench.metrics.table import evaluate
from bench.records.store import Store

CORRUPTIONS = ("blur", "noise")
Splits = Mapping[str, Predictive]


def classifier(
    rng: np.random.Generator, n_samples: int = 60, n_classes: int = 3, n_members: int = 2
) -> Predictive:
    """Members that share half of their evidence; labels from their mixture, rounded as stored."""
    shared = rng.normal(size=(n_samples, 1, n_classes))
    own = rng.normal(size=(n_samples, n_members, n_classes))
    log_p_BMC = log_softmax(2 * (shared + own), axis=-1)
    weights_M = np.arange(1, n_members + 1) / np.arange(1, n_members + 1).sum()
    mixed_BC = logsumexp(log_p_BMC, axis=1, b=weights_M[:, None])
    y_B = (0.5 * mixed_BC + rng.gumbel(size=mixed_BC.shape)).argmax(axis=1)
    return rounded("classification", mixed_BC, log_p_BMC, weights_M, y_B)


def regressor(rng: np.random.Generator, n_samples: int = 60, n_members: int = 2) -> Predictive:
    mean_BM = rng.normal(size=(n_samples, n_members))
    log_variance_BM = rng.normal(size=(n_samples, n_members)) / 4
    weights_M = np.full(n_members, 1 / n_members)
    mean_B = mean_BM @ weights_M
    variance_B = (np.exp(log_variance_BM) + mean_BM**2) @ weights_M - mean_B**2
    mixed_BC = np.stack([mean_B, np.log(variance_B)], axis=1)
    members_BMC = np.stack([mean_BM, log_variance_BM], axis=2)
    return rounded("regression", mixed_BC, members_BMC, weights_M, rng.normal(size=n_samples))


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


def with_labels(predictive: Predictive, y_B: npt.NDArray[Any]) -> Predictive:
    return Predictive(
        task=predictive.task,
        mixed_BC=predictive.mixed_BC,
        members_BMC=predictive.members_BMC,
        weights_M=predictive.weights_M,
        y_B=y_B,
    )


def save(
    root: Path,
    splits: Splits,
    *,
    dataset: str = "digits",
    category: str = "Standard NN",
    config_id: str = "aaa",
    seed: int = 0,
    flops: int = 1000,
    settings: Mapping[str, Any] | None = None,
    method: str | None = None,
    width: int = 8,
) -> str:
    """Write a run with these splits: "val", "test", and "<corruption>/<severity>".

    Returns:
        Its run id.
    """
    method = method or ("sae" if settings else "standard")
    temperature = 1.5
    task = next(iter(splits.values())).task
    shifted = {name: split for name, split in splits.items() if "/" in name}
    plain = {name: split for name, split in splits.items() if "/" not in name}
    metrics: dict[str, Any] = {name: evaluate(split, temperature) for name, split in plain.items()}
    for name, split in shifted.items():
        corruption, severity = name.split("/")
        by_severity = metrics.setdefault("corruptions", {}).setdefault(corruption, {})
        by_severity[severity] = evaluate(split, temperature)
    values = {
        "config_id": config_id,
        "category": category,
        "label": f"label of {config_id}",
        "status": "done",
        "stage": "final",
        "config": {
            "dataset": dataset,
            "seed": seed,
            "method": {"name": method, "settings": dict(settings or {})},
            "backbone": {"name": "fc", "settings": {"width": width, "depth": 4}},
            "training": {"epochs": 1},
        },
        "dataset": {
            "task": task,
            "sizes": {name: len(split.y_B) for name, split in plain.items()},
            "shift_images": len(next(iter(shifted.values())).y_B) if shifted else 0,
        },
        "temperature": temperature,
        "metrics": metrics,
        "cost": {"flops": flops, "params": flops // 2, "flops_by_part": {}},
    }
    record = made(values)
    Store(root).save(record, {"predictions.npz": _archive(plain, shifted)})
    return record.run_id


def _archive(plain: Splits, shifted: Splits) -> bytes:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, split in plain.items():
        arrays["weights"] = split.weights_M.astype(np.float32)
        arrays[f"{name}/members"] = split.members_BMC.astype(np.float32)
        arrays[f"{name}/mixed"] = split.mixed_BC.astype(np.float32)
        arrays[f"{name}/y"] = split.y_B
    for name, split in shifted.items():
        arrays["ood/y"] = split.y_B
        arrays[f"ood/{name}"] = split.mixed_BC.astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
