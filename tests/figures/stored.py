"""A results folder with hand-made records and predictions of both tasks: no network is trained."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from made_predictions import files_of, metrics_of, rounded
from made_records import made
from scipy.special import log_softmax, logsumexp

from bench.metrics.predictive import Predictive
from bench.records.store import Store

N_IMAGES, N_CLASSES, DEPTH = 40, 3, 2
CORRUPTIONS = ("blur", "noise")
SEVERITIES = (1, 2)
TASKS = {"digits": "classification", "retina": "regression"}
# Method, category, members, N, K, FLOPs and parameters per width.
POINTS: tuple[tuple[str, str, int, int | None, int | None, int], ...] = (
    ("standard", "Standard NN", 1, None, None, 100),
    ("mc_dropout", "MC Dropout", 4, None, None, 400),
    ("sae", "SE NN", 1, 1, 1, 110),
    ("sae", "EE", 2, 1, 2, 120),
    ("sae", "MIMO", 2, 2, 1, 210),
    ("sae", "MIMMO", 4, 2, 2, 220),
)
WIDTHS = (8, 16)


def write_study(
    root: Path,
    *,
    datasets: Sequence[str] = ("digits", "retina"),
    categories: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1),
    corruptions: Sequence[str] = CORRUPTIONS,
) -> Path:
    """Every point at both widths on every seed; returns the folder."""
    store = Store(root)
    for dataset in datasets:
        for index, point in enumerate(POINTS):
            if categories is None or point[1] in categories:
                for width in WIDTHS:
                    for seed in seeds:
                        _write(store, dataset, index, width, seed, corruptions)
    return root


def _write(
    store: Store, dataset: str, index: int, width: int, seed: int, corruptions: Sequence[str]
) -> None:
    method, category, n_members, n_inputs, n_exits, cost = POINTS[index]
    config_id = f"{index:02d}{width:02d}{dataset}"
    rng = np.random.default_rng([len(dataset), index, width, seed])
    splits = {name: _predictive(dataset, rng, n_members, 2.0) for name in ("val", "test")}
    splits |= {
        f"{name}/{severity}": _predictive(dataset, rng, n_members, 2.0 - 0.8 * severity)
        for name in corruptions
        for severity in SEVERITIES
    }
    settings = {} if n_inputs is None else {"n_inputs": n_inputs, "n_exits": n_exits}
    values = {
        "config_id": config_id, "category": category,
        "label": f"W={width}", "status": "done", "stage": "final", "temperature": 1.5,
        "config": {
            "dataset": dataset, "seed": seed, "training": {"epochs": 1},
            "method": {"name": method, "settings": settings},
            "backbone": {"name": "fc", "settings": {"width": width, "depth": DEPTH}},
        },
        "dataset": {
            "task": TASKS[dataset], "shift_images": N_IMAGES,
            "sizes": {"val": N_IMAGES, "test": N_IMAGES},
        },
        "history": list(_history(settings)),
        "metrics": metrics_of(splits),
        "cost": {
            "flops": cost * width, "params": 50 * width,
            "flops_by_part": {
                "network.backbone.stem": cost * width - 10, "network.heads.2.linear": 10,
            },
        },
        "timings": {"train_s": 1.0, "evaluate_s": 1.0, "train_cpu_s": 2.0, "evaluate_cpu_s": 0.5},
    }  # fmt: skip
    store.save(made(values), files_of(splits))


def _history(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for epoch in range(2):
        theta = [[0.5 - 0.1 * epoch, 0.5 + 0.1 * epoch]] * settings.get("n_inputs", 0)
        yield {"epoch": epoch, "progress": (epoch + 1) / 2, "diagnostics": {"theta": theta}}


def _predictive(
    dataset: str, rng: np.random.Generator, n_members: int, strength: float
) -> Predictive:
    weights_M = np.full(n_members, 1 / n_members)
    if TASKS[dataset] == "classification":
        y_B: npt.NDArray[Any] = np.arange(N_IMAGES) % N_CLASSES
        noise_BMC = rng.normal(size=(N_IMAGES, n_members, N_CLASSES))
        members_BMC = log_softmax(strength * np.eye(N_CLASSES)[y_B][:, None] + noise_BMC, axis=2)
        mixed_BC = logsumexp(members_BMC, axis=1) - np.log(n_members)
    else:
        y_B = np.linspace(0, 1, N_IMAGES)
        mean_BM = y_B[:, None] + rng.normal(
            scale=0.3 / max(strength, 0.1), size=(N_IMAGES, n_members)
        )
        members_BMC = np.stack([mean_BM, np.full(mean_BM.shape, np.log(0.03))], axis=2)
        mixed_BC = np.stack([mean_BM.mean(axis=1), np.log(0.03 + mean_BM.var(axis=1))], axis=1)
    return rounded(TASKS[dataset], mixed_BC, members_BMC, weights_M, y_B)
