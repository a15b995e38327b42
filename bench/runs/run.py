"""One run from configuration to record: the only place that joins the steps."""

from __future__ import annotations

import io
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from msgspec.structs import replace

from bench import cost
from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS, DatasetRow
from bench.metrics import calibration
from bench.metrics import table as metrics
from bench.metrics.predictive import Predictive
from bench.records import schema
from bench.records.schema import (
    PREDICTIONS,
    WEIGHTS,
    FailedRun,
    Failure,
    FileName,
    FinishedRun,
    Metrics,
    Scores,
    Stage,
    finite,
)
from bench.runs.code import code_digest
from bench.runs.config import RunConfig
from bench.runs.environment import environment
from bench.runs.facts import dataset_facts
from bench.runs.loaded import corrupted_tests, load_dataset
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
) -> tuple[FinishedRun, dict[FileName, bytes]]:
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
    at_the_end = history[-1].diagnostics | examine(method, val, normalise)
    history[-1] = replace(history[-1], diagnostics=at_the_end)
    pruned = method.pruned()
    with _timed(timings, "evaluate"):
        temperature, found, arrays = _evaluate(
            config, dataset, pruned.fused(), normalise, cache, stage
        )
    height, width, channels = dataset.image_shape
    costs = cost.costs_of(pruned.cpu(), ImageShape(channels, height, width))
    record = FinishedRun(
        **identity(config),
        stage=stage,
        dataset=dataset_facts(dataset, row, temperature),
        history=history,
        temperature=temperature,
        metrics=found,
        cost=msgspec.convert(costs.as_dict(), schema.Cost),
        timings=schema.Timings(**timings),
        environment=environment(device),
    )
    files: dict[FileName, bytes] = {
        PREDICTIONS: _npz(arrays),
        WEIGHTS: safetensors.torch.save(_cpu_state(method)),
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


def failure(config: RunConfig, error: BaseException) -> FailedRun:
    """The record of a run that failed, with its reason."""
    return FailedRun(
        **identity(config),
        error=Failure(
            type=type(error).__name__,
            message=_text(lambda: str(error)),
            traceback=_text(lambda: "".join(traceback.format_exception(error))),
        ),
    )


def _text(message: Callable[[], str]) -> str:
    """What a record can hold of a message: its end, without NUL and lone surrogates.

    An exception of a method of one's own may fail to be formatted: the sweep must go on.
    """
    try:
        whole = message().encode(errors="backslashreplace").decode().replace("\x00", "\\0")
    except (Exception, SystemExit) as error:
        return f"<its message cannot be formatted: {type(error).__name__}>"
    return whole[-schema.MOST_TEXT :]


class Identity(TypedDict):
    """The fields of every record."""

    run_id: str
    config_id: str
    category: str
    label: str
    config: schema.Config
    code: str


def identity(config: RunConfig) -> Identity:
    """The fields of a record that its configuration gives."""
    return {
        "run_id": config.run_id,
        "config_id": config.config_id,
        "category": config.category,
        "label": config.label,
        "config": msgspec.convert(config.as_dict(), schema.Config),
        "code": code_digest(config.method, config.backbone),
    }


def _evaluate(
    config: RunConfig,
    dataset: Dataset,
    deployed: Predictor,
    normalise: Normalise,
    cache: Path,
    stage: Stage,
) -> tuple[float, Metrics, dict[str, npt.NDArray[Any]]]:
    """Temperature, metrics (of a search on val alone), and the predictions to keep."""
    device = next(deployed.parameters()).device

    def predicted(images: Split, purpose: str) -> Predictive:
        inputs = Inputs.of(images, device)
        return predict_split(deployed, inputs, normalise, seed=config.seed, purpose=purpose)

    val = predicted(dataset.val, "val")
    temperature = calibration.fit_temperature(val)
    found = Metrics(val=finite(metrics.evaluate(val, temperature)))
    arrays: dict[str, npt.NDArray[Any]] = {
        "weights": kept_weights(deployed.weights()),
        **_arrays("val", val),
    }
    if stage == "search":
        return temperature, found, arrays
    test = predicted(dataset.test, "test")
    shift_y_B = dataset.shift_test.y_B
    arrays |= {**_arrays("test", test), "ood/y": shift_y_B}
    shifted: dict[str, dict[int, Scores]] = {}
    for name, severity, images_BHWQ in corrupted_tests(dataset, cache):
        split = Split(images_BHWQ=images_BHWQ, y_B=shift_y_B)
        ood = predicted(split, f"{name}/{severity}")
        shifted.setdefault(name, {})[severity] = finite(metrics.evaluate(ood, temperature))
        # The mixture alone: with every member it would be M times as large.
        arrays[f"ood/{name}/{severity}"] = ood.mixed_BC.astype(np.float32)
    found = Metrics(
        val=found.val, test=finite(metrics.evaluate(test, temperature)), corruptions=shifted
    )
    return temperature, found, arrays


def _arrays(split: str, predictive: Predictive) -> dict[str, npt.NDArray[Any]]:
    """What the statistics resample, in the form that metrics read: no network is needed again."""
    return {
        f"{split}/members": predictive.members_BMC.astype(np.float32),
        f"{split}/mixed": predictive.mixed_BC.astype(np.float32),
        f"{split}/y": predictive.y_B,
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
