"""One run from configuration to record: the only place that joins the steps."""

from __future__ import annotations

import io
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch

from bench import cost
from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS, DatasetRow
from bench.metrics import calibration
from bench.metrics import table as metrics
from bench.metrics.predictive import Predictive
from bench.records.store import FORMAT, Record, Stage
from bench.runs.config import RunConfig
from bench.runs.environment import environment
from bench.runs.loaded import corrupted_tests, load_dataset
from bench.shift import corrupted_sets
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from bench.training.predict import examine, kept_weights, predict_split
from methods import load_method
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.method import Method, Predictor
from methods.core.network import Problem


def run_one(
    config: RunConfig,
    *,
    data: Path | None,
    cache: Path,
    device: torch.device,
    row: DatasetRow | None = None,
    stage: Stage = "final",
) -> tuple[Record, dict[str, bytes]]:
    """Train and evaluate one configuration.

    Args:
        config: what to run.
        data: the data folder (None: see ``bench.data.table``).
        cache: folder of decoded and of corrupted images.
        device: where to train and predict.
        row: the dataset, where it is not one of the table.
        stage: "search" evaluates on validation alone: test images are not predicted.

    Returns:
        The record, and the files that go beside it.
    """
    timings: dict[str, float] = {}
    row = row or DATASETS[config.dataset]
    dataset = load_dataset(row, data, cache)
    method = build(config, dataset).to(device)
    normalise = Normalise(dataset, device)
    val = Inputs.of(dataset.val, device)

    def validate(method: Method[Any]) -> dict[str, float]:
        predictive = predict_split(method, val, normalise, seed=config.seed, purpose="val")
        return metrics.evaluate(predictive, None)

    with _timed(timings, "train"):
        train_inputs = Inputs.of(dataset.train, device)
        history = train(
            method, train_inputs, normalise, config.training, validate, augmentation=row.augment
        )
    history[-1] |= examine(method, val, normalise)
    pruned = method.pruned()
    with _timed(timings, "evaluate"):
        results, arrays = _evaluate(config, dataset, pruned.fused(), normalise, cache, stage)
    height, width, channels = dataset.image_shape
    costs = cost.costs_of(pruned.cpu(), ImageShape(channels, height, width))
    record = {
        **identity(config),
        "status": "done",
        "stage": stage,
        "dataset": {**_dataset_facts(dataset), "augment": row.augment},
        "history": history,
        **results,
        "cost": costs.as_dict(),
        "timings": timings,
        "environment": environment(device),
    }
    files = {
        "predictions.npz": _npz(arrays),
        "weights.safetensors": safetensors.torch.save(_cpu_state(method)),
    }
    return record, files


def build(config: RunConfig, dataset: Dataset) -> Method[Any]:
    """The untrained method of a configuration, on the CPU."""
    height, width, channels = dataset.image_shape
    problem = Problem(
        shape=ImageShape(channels, height, width),
        likelihood=likelihood_for(dataset.task, dataset.n_classes),
        backbone=config.backbone_settings,
        n_train=len(dataset.train.y_B),
    )
    return load_method(config.method)(problem, config.settings, seed=config.seed)


def failure(config: RunConfig, error: BaseException) -> Record:
    """The record of a run that failed, with its reason."""
    return {
        **identity(config),
        "status": "failed",
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
        },
    }


def identity(config: RunConfig) -> Record:
    """What a record says of its configuration."""
    return {
        "format": FORMAT,
        "run_id": config.run_id,
        "config_id": config.config_id,
        "category": config.category,
        "label": config.label,
        "config": config.as_dict(),
    }


def _evaluate(
    config: RunConfig,
    dataset: Dataset,
    deployed: Predictor,
    normalise: Normalise,
    cache: Path,
    stage: Stage,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Metrics on val and, unless in a search, test and corruptions; the predictions to keep."""
    device = next(deployed.parameters()).device

    def predicted(images: Split, purpose: str) -> Predictive:
        inputs = Inputs.of(images, device)
        return predict_split(deployed, inputs, normalise, seed=config.seed, purpose=purpose)

    val = predicted(dataset.val, "val")
    temperature = calibration.fit_temperature(val)
    found: dict[str, Any] = {"val": metrics.evaluate(val, temperature)}
    arrays: dict[str, npt.NDArray[Any]] = {
        "weights": kept_weights(deployed.weights()),
        **_arrays("val", val),
    }
    if stage == "search":
        return {"temperature": temperature, "metrics": found}, arrays
    test = predicted(dataset.test, "test")
    found["test"] = metrics.evaluate(test, temperature)
    shift_y_B = dataset.shift_test.y_B
    arrays |= {**_arrays("test", test), "ood/y": shift_y_B}
    shifted: dict[str, dict[str, dict[str, float]]] = {}
    for name, severity, images_BHWQ in corrupted_tests(dataset, cache):
        split = Split(images_BHWQ=images_BHWQ, y_B=shift_y_B)
        ood = predicted(split, f"{name}/{severity}")
        shifted.setdefault(name, {})[str(severity)] = metrics.evaluate(ood, temperature)
        # The mixture alone: with every member it would be M times as large.
        arrays[f"ood/{name}/{severity}"] = ood.mixed_BC.astype(np.float32)
    return {"temperature": temperature, "metrics": {**found, "corruptions": shifted}}, arrays


def _arrays(split: str, predictive: Predictive) -> dict[str, npt.NDArray[Any]]:
    """What the statistics resample, in the form that metrics read: no network is needed again."""
    return {
        f"{split}/members": predictive.members_BMC.astype(np.float32),
        f"{split}/mixed": predictive.mixed_BC.astype(np.float32),
        f"{split}/y": predictive.y_B,
    }


def _dataset_facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "task": dataset.task,
        "n_classes": dataset.n_classes,
        "shape": list(dataset.image_shape),
        "sizes": {name: len(split.y_B) for name, split in dataset.splits.items()},
        "shift_images": len(dataset.shift_test.y_B),
        "target_range": dataset.target_range,
        "fingerprint": dataset.fingerprint,
        # Two records compare under shift only if their images were corrupted alike.
        "corruptions": list(corrupted_sets.code_identity()),
    }


def _cpu_state(method: Method[Any]) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu() for name, value in method.state_dict().items()}


def _npz(arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Seconds of wall time and of this process's CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    timings[f"{name}_s"] = round(time.perf_counter() - wall, 3)
    timings[f"{name}_cpu_s"] = round(time.process_time() - cpu, 3)
