"""Frames in round numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.records.frames import PART_KEYS, Frames

METRICS = {
    "classification": {
        "accuracy": 0.5, "f1": 0.5, "auroc": 0.5, "nll": 1.0, "brier": 0.5, "ece": 0.1,
        "cc_ece": 0.1, "cc_ece_all": 0.1, "classwise_ece": 0.1, "adaptive_ece": 0.1,
    },
    "regression": {
        "mse": 0.1, "mae": 0.2, "nll": 0.5, "nll_mixture": 0.5, "coverage_error": 0.1,
    },
}  # fmt: skip


def rows(
    config_id: str,
    category: str,
    *,
    dataset: str = "toy",
    task: str = "classification",
    flops: float = 100,
    params: float = 50,
    seeds: Sequence[int] = (0, 1),
    **splits: Mapping[str, float],
) -> list[dict[str, Any]]:
    """The rows of one configuration, equal in all seeds; metrics default to ``METRICS``."""
    facts = {
        "config_id": config_id, "category": category, "dataset": dataset, "task": task,
        "label": f"label of {config_id}", "flops": flops, "params": params, "backbone": "fc",
        "method": "standard" if category == "Standard NN" else "other", "width": 128, "depth": 4,
        "n_members": None,
    }  # fmt: skip
    return [
        {**facts, "run_id": f"{dataset}-{config_id}-s{seed}", "seed": seed, "split": split}
        | METRICS[task]
        | dict(values)
        for seed in seeds
        for split, values in splits.items()
    ]


def frames(*configurations: list[dict[str, Any]], parts: Sequence[Sequence[Any]] = ()) -> Frames:
    return Frames(
        runs=pd.DataFrame([row for some in configurations for row in some]),
        depth=pd.DataFrame(),
        failures=pd.DataFrame(),
        parts=pd.DataFrame(parts, columns=list(PART_KEYS)),
    )
