"""Records of as many runs as asked for, without training: what a large study weighs."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.table import keys_for
from bench.records import schema
from bench.records.schema import PREDICTIONS, WEIGHTS, Epoch, FileName, FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.run import identity

DATASET = "pneumonia"
TASK: schema.Task = "classification"
CORRUPTIONS = tuple(f"corruption_{i}" for i in range(1, 17))
SEVERITIES = (1, 2, 3, 4, 5)
N_IMAGES, N_CLASSES, DEPTH, EPOCHS = 200, 2, 4, 10
METHODS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("standard", {}),
    *(("ensemble", {"n_members": count}) for count in (2, 3, 4)),
    *(("mc_dropout", {"rate": rate}) for rate in (0.1, 0.2)),
    *(("batch_ensemble", {"n_members": count}) for count in (2, 4)),
    *(
        ("sae", {"n_inputs": n_inputs, "n_exits": n_exits})
        for n_inputs in range(1, 5)
        for n_exits in range(1, DEPTH + 1)
    ),
)


def write_study(root: Path, n_runs: int) -> None:
    """So many configurations of one dataset, with one run each: the most points a plot can have."""
    store = Store(root)
    for record, files in runs_of(n_runs):
        store.save(record, files)


def runs_of(n_runs: int) -> Iterator[tuple[FinishedRun, dict[FileName, bytes]]]:
    """The records, each with its files."""
    rng = np.random.default_rng(0)
    files: dict[FileName, bytes] = {PREDICTIONS: _predictions(rng), WEIGHTS: bytes(64)}
    for config in itertools.islice(_configs(), n_runs):
        yield _record(config, rng), files


def _configs() -> Iterator[RunConfig]:
    for width in itertools.count(8):
        for method, settings in METHODS:
            yield RunConfig.from_dict(
                {
                    "dataset": DATASET,
                    "method": {"name": method, "settings": settings},
                    "backbone": {"name": "fc", "settings": {"width": width, "depth": DEPTH}},
                    "training": {"epochs": EPOCHS},
                    "seed": 0,
                }
            )


def _record(config: RunConfig, rng: np.random.Generator) -> FinishedRun:
    flops = int(rng.lognormal(13, 1))
    corrupted = {name: {level: _metrics(rng) for level in SEVERITIES} for name in CORRUPTIONS}
    parts = ("network.backbone.stem", *(f"network.backbone.stages.{i}" for i in range(DEPTH)))
    return FinishedRun(
        **identity(config),
        temperature=1.5,
        dataset=schema.DatasetFacts(
            name=DATASET,
            task=TASK,
            n_classes=N_CLASSES,
            shape=(28, 28, 1),
            sizes={"train": 4000, "val": N_IMAGES, "test": N_IMAGES},
            shift_images=N_IMAGES,
            fingerprint="f" * 64,
            corruptions=["c" * 64, "imaug"],
        ),
        history=list(_history(config, rng)),
        metrics=schema.Metrics(val=_metrics(rng), test=_metrics(rng), corruptions=corrupted),
        cost=schema.Cost(
            flops=flops,
            params=int(flops * rng.uniform(1, 2)),
            paper_flops=flops,
            paper_params=2 * flops,
            flops_by_part={part: flops // len(parts) for part in parts},
        ),
        timings=schema.Timings(train_s=2.0, train_cpu_s=1.5, evaluate_s=1.0, evaluate_cpu_s=0.5),
        environment=schema.Environment(
            python="3.12",
            packages={},
            git_commit="0",
            device="cpu",
            machine="x86_64",
            threads=1,
            peak_memory_mib=500,
        ),
    )


def _metrics(rng: np.random.Generator) -> schema.Scores:
    keys = list(keys_for(TASK))
    return dict(zip(keys, rng.uniform(0.1, 0.9, len(keys)).tolist(), strict=True))


def _history(config: RunConfig, rng: np.random.Generator) -> Iterator[Epoch]:
    n_inputs = config.settings.as_dict().get("n_inputs")
    for epoch in range(EPOCHS):
        theta = (
            {} if n_inputs is None else {"theta": rng.dirichlet(np.ones(DEPTH), n_inputs).tolist()}
        )
        yield Epoch(epoch=epoch, progress=(epoch + 1) / EPOCHS, diagnostics=theta)


def _predictions(rng: np.random.Generator) -> bytes:
    """The same for all runs: a page shows numbers of records, and of few runs what is stored."""
    y_B = rng.integers(0, N_CLASSES, N_IMAGES)

    def mixed_BC() -> npt.NDArray[np.float32]:
        p_B = np.clip(rng.normal(0.2 + 0.6 * y_B, 0.25), 0.02, 0.98)
        return np.log(np.stack([1 - p_B, p_B], axis=1)).astype(np.float32)

    arrays: dict[str, Any] = {"weights": np.ones(1, dtype=np.float32), "ood/y": y_B}
    for split in ("val", "test"):
        mixed = mixed_BC()
        arrays |= {f"{split}/mixed": mixed, f"{split}/members": mixed[:, None], f"{split}/y": y_B}
    for name, level in itertools.product(CORRUPTIONS, SEVERITIES):
        arrays[f"ood/{name}/{level}"] = mixed_BC()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
