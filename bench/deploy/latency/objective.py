"""The time of one network, measured at once and without its files: an objective of a search."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from bench.data.dataset import Dataset
from bench.deploy.export.exported import Exported
from bench.deploy.export.runtimes import torch_run
from bench.deploy.export.trained import Trained
from bench.deploy.latency.machine import machine
from bench.deploy.latency.measuring import Protocol
from bench.deploy.latency.timing import interleaved, median_interval
from bench.records.measurements import Measurement
from bench.training.inputs import Normalise
from methods.core.method import Predictor

# [median, low, high], see `median_interval`.
Triple = tuple[float, float | None, float | None]

AT_ONCE = Protocol(rounds=25, memory=False)


def measured_at_once(trained: Trained, protocol: Protocol = AT_ONCE) -> Measurement:
    """A measurement of `bench.records.measurements` with the times of the deployed network alone.

    Args:
        trained: the run.
        protocol: batch and rounds; threads are those that torch has.
    """
    times = eager_times(trained.method.deployed(), trained.normalise, trained.dataset, protocol)
    return {
        "run_id": trained.record.run_id,
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(protocol.threads),
        "protocol": asdict(protocol),
        "timings": {"eager": times},
        "network": {},
        "memory_mib": {},
        "image_mj": {},
    }


def eager_times(
    predictor: Predictor, normalise: Normalise, dataset: Dataset, protocol: Protocol = AT_ONCE
) -> dict[str, Triple]:
    """Milliseconds an image, alone and in a batch, by torch.

    Args:
        predictor: what is exported, that is ``method.deployed()``; it is left as it is. Where it
            drops, drawing the masks is part of its time.
        normalise: of the data.
        dataset: what it predicts.
        protocol: batch and rounds.

    Returns:
        ``latency_ms`` and ``image_ms``, see `bench.records.measurements`.
    """
    run = torch_run(Exported(predictor, normalise, dataset.target_range, draws=True).eval())
    batches = {"latency_ms": 1, "image_ms": protocol.batch}

    def call(n_images: int) -> Callable[[], object]:
        images = np.zeros((n_images, *dataset.image_shape), dtype=np.uint8)
        return lambda: run(images, None)

    seconds = interleaved({key: call(n) for key, n in batches.items()}, rounds=protocol.rounds)
    return {key: median_interval(1000 * values / batches[key]) for key, values in seconds.items()}
