"""A results folder with hand-made predictions: records as a run writes them, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from made_predictions import files_of, metrics_of
from made_records import made

from bench.metrics.predictive import Predictive
from bench.records.store import Store

N_TEST = 200


def labels() -> npt.NDArray[np.int64]:
    """Three classes in turn."""
    return np.arange(N_TEST) % 3


def predictive(wrong: Sequence[int], confidence: float = 0.9) -> Predictive:
    """Right but for the samples ``wrong``, always with the same confidence."""
    y_B = labels()
    said_B = y_B.copy()
    said_B[list(wrong)] = (said_B[list(wrong)] + 1) % 3
    p_BC = np.full((N_TEST, 3), (1 - confidence) / 2)
    p_BC[np.arange(N_TEST), said_B] = confidence
    mixed_BC = np.log(p_BC)
    return Predictive(
        task="classification",
        mixed_BC=mixed_BC,
        members_BMC=mixed_BC[:, None],
        weights_M=np.ones(1),
        y_B=y_B,
    )


def save(
    root: Path,
    name: str,
    category: str,
    *,
    seed: int = 0,
    dataset: str = "blood",
    val: Predictive,
    test: Predictive,
    flops: int = 100,
    params: int = 100,
    settings: Mapping[str, Any] | None = None,
    theta: Sequence[Sequence[float]] = (),
    method: str = "sae",
    width: int = 8,
) -> None:
    """Store a run of configuration ``name``; under corruption it predicts as on test."""
    splits = {"val": val, "test": test, "noise/1": test}
    values = {
        "config_id": name,
        "status": "done", "category": category, "label": f"label of {name}",
        "config": {
            "dataset": dataset, "seed": seed,
            "method": {"name": method, "settings": dict(settings or {})},
            "backbone": {"name": "fc", "settings": {"width": width, "depth": 2}},
            "training": {"epochs": 3},
        },
        "dataset": {
            "task": "classification", "n_classes": 3, "shift_images": N_TEST,
            "sizes": {"train": 1234, "val": N_TEST, "test": N_TEST},
        },
        "temperature": 1.0,
        "history": [
            {"epoch": 2, "progress": 1.0, "diagnostics": {"theta": theta} if theta else {}}
        ],
        "metrics": metrics_of(splits, 1.0),
        "cost": {
            "flops": flops, "params": params, "paper_flops": 2 * flops, "paper_params": params,
            "flops_by_part": {"network.backbone.stem": flops},
        },
    }  # fmt: skip
    Store(root).save(made(values), files_of(splits))
