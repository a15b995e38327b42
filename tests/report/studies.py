"""A hand-made results folder: real configurations, random predictions, metrics that belong to them.

Nothing is trained, so that a study of every category takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from made_predictions import files_of, metrics_of, rounded
from made_records import failed, fields, finished
from scipy.special import log_softmax

from bench.metrics.predictive import Predictive
from bench.records.schema import FailedRun, FileName, FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig

CORRUPTIONS = ("gaussian_noise", "jpeg")
SEVERITIES = (1, 2)
N_IMAGES, N_CLASSES = 24, 3
# Method and settings of one configuration of each category; D = 3. The first four have two seeds.
CONFIGURATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("standard", {}),
    ("ensemble", {"n_members": 2}),
    ("mc_dropout", {"rate": 0.1}),
    ("batch_ensemble", {"n_members": 2}),
    ("sae", {"n_inputs": 1, "n_exits": 1}),
    ("sae", {"n_inputs": 1, "n_exits": 2}),
    ("sae", {"n_inputs": 2, "n_exits": 1}),
    ("sae", {"n_inputs": 2, "n_exits": 3}),
    ("sae", {"n_inputs": 3, "n_exits": 2}),
)
N_COMPLETE = 4
# How many of them are run on each dataset.
STUDY = {"pneumonia": len(CONFIGURATIONS), "retina": 5}
TASKS = {"pneumonia": "classification", "retina": "regression"}


def run_config(dataset: str, method: str, settings: Mapping[str, Any], seed: int) -> RunConfig:
    return RunConfig.from_dict(
        {
            "dataset": dataset,
            "method": {"name": method, "settings": settings},
            "backbone": {"name": "fc", "settings": {"width": 8, "depth": 3}},
            "training": {"epochs": 2},
            "seed": seed,
        }
    )


def write_study(root: Path, sizes: Mapping[str, int] = STUDY) -> Path:
    """The first `CONFIGURATIONS` on each dataset."""
    store = Store(root)
    for dataset, size in sizes.items():
        for i, (method, settings) in enumerate(CONFIGURATIONS[:size]):
            for seed in (0, 1) if i < N_COMPLETE else (0,):
                config = run_config(dataset, method, settings, seed)
                store.save(*finished_run(config, TASKS[dataset], strength=1 + i / 4))
    return root


def finished_run(
    config: RunConfig, task: str, strength: float
) -> tuple[FinishedRun, dict[FileName, bytes]]:
    """A record and its files; a larger strength means better predictions."""
    rng = np.random.default_rng([int(config.config_id, 16), config.seed])
    splits = {
        name: _predictive(rng, task, strength, _targets(rng, task)) for name in ("val", "test")
    }
    splits |= {
        f"{name}/{severity}": _predictive(rng, task, strength / (1 + severity), splits["test"].y_B)
        for name in CORRUPTIONS
        for severity in SEVERITIES
    }
    record = finished({
        **fields(config),
        "dataset": _dataset(config.dataset, task),
        "history": list(_history(config)),
        "temperature": 1.5,
        "metrics": metrics_of(splits),
        "cost": {
            "flops": 1000 + 10 * round(100 * strength),
            "params": 2000,
            "flops_by_part": {
                "network.backbone.stem": 900,
                "other": 100 + 10 * round(100 * strength),
            },
        },
        "timings": {"train_s": 2.0, "train_cpu_s": 1.5, "evaluate_s": 1.0, "evaluate_cpu_s": 0.5},
        "environment": {
            "python": "3.12.1", "packages": {"torch": "2.11.0", "numpy": "2.1.0"},
            "git_commit": "abc123", "device": "cpu", "machine": "x86_64", "threads": 1,
            "peak_memory_mib": 500,
        },
    })  # fmt: skip
    return record, {**files_of(splits), "weights.safetensors": b"w"}


def failed_run(config: RunConfig, message: str) -> FailedRun:
    error = {"type": "RuntimeError", "message": message, "traceback": "..."}
    return failed({**fields(config), "error": error})


def _targets(rng: np.random.Generator, task: str) -> npt.NDArray[Any]:
    regression = task == "regression"
    return rng.uniform(size=N_IMAGES) if regression else rng.integers(0, N_CLASSES, N_IMAGES)


def _predictive(
    rng: np.random.Generator, task: str, strength: float, y_B: npt.NDArray[Any]
) -> Predictive:
    if task == "regression":
        noise_B = rng.normal(scale=0.2 / strength, size=N_IMAGES)
        mixed_BC = np.stack([y_B + noise_B, np.full(N_IMAGES, -3.0)], axis=1)
    else:
        logits_BC = rng.normal(size=(N_IMAGES, N_CLASSES)) + strength * np.eye(N_CLASSES)[y_B]
        mixed_BC = log_softmax(logits_BC, axis=1)
    return rounded(task, mixed_BC, mixed_BC[:, None], np.ones(1), y_B)


def _history(config: RunConfig) -> Iterator[dict[str, Any]]:
    """Theta moves from uniform towards the last exit."""
    for epoch, progress in enumerate((0.5, 1.0)):
        entry: dict[str, Any] = {"epoch": epoch, "progress": progress, "diagnostics": {}}
        if config.method == "sae":
            theta = [(1 - 0.3 * progress) / 3] * 2
            entry["diagnostics"]["theta"] = [[*theta, 1 - sum(theta)]] * config.settings.as_dict()[
                "n_inputs"
            ]
        yield entry


def _dataset(name: str, task: str) -> dict[str, Any]:
    return {
        "name": name, "task": task, "n_classes": N_CLASSES if task == "classification" else 0,
        "shape": [28, 28, 1], "sizes": {"train": 4000, "val": N_IMAGES, "test": N_IMAGES},
        "shift_images": N_IMAGES, "target_range": None, "fingerprint": "f" * 64,
        "corruptions": ["c" * 64, "imaug 0.4.3"], "augment": "none",
    }  # fmt: skip
