"""Small results folders made of given predictions, as a run would have written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from made_predictions import Splits, files_of, metrics_of, rounded
from made_records import made
from scipy.special import log_softmax, logsumexp

from bench.metrics.predictive import Predictive
from bench.records.store import Store

CORRUPTIONS = ("blur", "noise")


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


def with_labels(predictive: Predictive, y_B: npt.NDArray[Any]) -> Predictive:
    return replace(predictive, y_B=y_B)


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
    shifted = [len(split.y_B) for name, split in splits.items() if "/" in name]
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
            "task": next(iter(splits.values())).task,
            "sizes": {name: len(split.y_B) for name, split in splits.items() if "/" not in name},
            "shift_images": shifted[0] if shifted else 0,
        },
        "temperature": 1.5,
        "metrics": metrics_of(splits),
        "cost": {"flops": flops, "params": flops // 2, "flops_by_part": {}},
    }
    record = made(values)
    Store(root).save(record, files_of(splits))
    return record.run_id
