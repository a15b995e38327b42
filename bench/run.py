"""One run from configuration to record: the only place that joins the steps."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import platform
import resource
import subprocess
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

from bench import calibration, corruption_cache, cost, datasets, metrics
from bench.config import RunConfig
from bench.datasets import Dataset
from bench.evaluate import predict_split
from bench.inputs import Inputs, Normalise
from bench.predictive import Predictive
from bench.records import FORMAT, Record, storage_errors
from bench.train import train
from methods import load_method
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.method import Method, Predictor
from methods.core.network import Problem

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "fvcore", "imaug", "medmnist")


@functools.lru_cache(maxsize=2)
def load_dataset(name: str, data: Path | None) -> Dataset:
    """The dataset, read once a process."""
    return datasets.load(name, data=data)


@functools.lru_cache(maxsize=2)
def corrupted_tests(
    name: str, data: Path | None, cache: Path
) -> list[tuple[str, int, npt.NDArray[np.uint8]]]:
    """The test images under every corruption and severity, made or read once a process."""
    images_BHWQ = load_dataset(name, data).test.images_BHWQ
    with storage_errors(cache.parent):
        return list(corruption_cache.corrupted(images_BHWQ, key=name, cache=cache))


def run_one(
    config: RunConfig, *, data: Path | None, cache: Path, device: torch.device
) -> tuple[Record, dict[str, bytes]]:
    """Train and evaluate one configuration.

    Args:
        config: what to run.
        data: the data folder (None: see ``bench.datasets``).
        cache: folder of the corrupted test images.
        device: where to train and predict.

    Returns:
        The record, and the files that go beside it.
    """
    timings: dict[str, float] = {}
    dataset = load_dataset(config.dataset, data)
    method = build(config, dataset).to(device)
    normalise = Normalise(dataset, device)
    val = Inputs.of(dataset.val, device)

    def validate(method: Method) -> dict[str, float]:
        predictive = predict_split(method, val, normalise, seed=config.seed, purpose="val")[1]
        return metrics.evaluate(predictive, None)

    with _timed(timings, "train"):
        train_inputs = Inputs.of(dataset.train, device)
        history = train(method, train_inputs, normalise, config.training, validate)
    deployed = method.deployed()
    with _timed(timings, "evaluate"):
        results, arrays = _evaluate(config, dataset, deployed, normalise, data, cache)
    height, width, channels = dataset.image_shape
    costs = cost.measure(deployed.cpu(), ImageShape(channels, height, width))
    record = {
        **identity(config),
        "status": "done",
        "dataset": _dataset_facts(dataset),
        "history": history,
        **results,
        "cost": {
            "flops": costs.flops,
            "params": costs.params,
            "flops_by_part": dict(costs.flops_by_part),
        },
        "timings": timings,
        "environment": environment(device),
    }
    files = {
        "predictions.npz": _npz(arrays),
        "weights.safetensors": safetensors.torch.save(_cpu_state(method)),
    }
    return record, files


def build(config: RunConfig, dataset: Dataset) -> Method:
    """The untrained method of a configuration, on the CPU."""
    height, width, channels = dataset.image_shape
    problem = Problem(
        shape=ImageShape(channels, height, width),
        likelihood=likelihood_for(dataset.task, dataset.n_classes),
        backbone=config.backbone_settings,
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
    data: Path | None,
    cache: Path,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Metrics on val, test and every corruption, and the predictions to keep."""
    device = next(deployed.parameters()).device

    def predicted(
        images: datasets.Split, purpose: str
    ) -> tuple[npt.NDArray[np.float32], Predictive]:
        inputs = Inputs.of(images, device)
        return predict_split(deployed, inputs, normalise, seed=config.seed, purpose=purpose)

    val_outputs, val = predicted(dataset.val, "val")
    temperature = calibration.fit_temperature(val)
    test_outputs, test = predicted(dataset.test, "test")
    arrays: dict[str, npt.NDArray[Any]] = {
        "weights": test.weights_M.astype(np.float32),
        "val/outputs": val_outputs,
        "val/y": val.y_B,
        "test/outputs": test_outputs,
        "test/y": test.y_B,
    }
    shifted: dict[str, dict[str, dict[str, float]]] = {}
    for name, severity, images_BHWQ in corrupted_tests(config.dataset, data, cache):
        split = datasets.Split(images_BHWQ=images_BHWQ, y_B=dataset.test.y_B)
        _, ood = predicted(split, f"{name}/{severity}")
        shifted.setdefault(name, {})[str(severity)] = metrics.evaluate(ood, temperature)
        # The mixture alone: with every member it would be M times as large.
        arrays[f"ood/{name}/{severity}"] = ood.mixed_BC.astype(np.float32)
    results = {
        "temperature": temperature,
        "metrics": {
            "val": metrics.evaluate(val, temperature),
            "test": metrics.evaluate(test, temperature),
            "corruptions": shifted,
        },
    }
    return results, arrays


def _dataset_facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "task": dataset.task,
        "n_classes": dataset.n_classes,
        "shape": list(dataset.image_shape),
        "sizes": {name: len(split.y_B) for name, split in dataset.splits.items()},
        "fingerprint": dataset.fingerprint,
        # Two records compare under shift only if their images were corrupted alike.
        "corruptions": list(corruption_cache.code_identity()),
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, code and machine of a run."""
    on_gpu = device.type == "cuda"
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "git_commit": _git_commit(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


@functools.cache
def _git_commit() -> str | None:
    """The commit of this code, with "+changes" where the tree differs from it."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+changes"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None  # installed from an archive
    return answer.stdout.strip()


def _cpu_state(method: Method) -> dict[str, torch.Tensor]:
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
