"""The time of one network, measured at once and without its files: an objective of a search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.dataset import Dataset
from bench.export.runtimes import torch_run
from bench.export.shipped import Shipped
from bench.inputs import Normalise
from bench.latency.measuring import Protocol
from bench.latency.timing import interleaved, median_interval
from methods.core.method import Predictor


def eager_times(
    predictor: Predictor,
    normalise: Normalise,
    dataset: Dataset,
    protocol: Protocol = Protocol(rounds=25),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Milliseconds an image of the lean network, alone and in a batch, by torch.

    Args:
        predictor: what is shipped, that is ``method.deployed()``; it is left as it is. Where it
            drops, drawing the masks is part of its time.
        normalise: of the data.
        dataset: what it predicts.
        protocol: batch and rounds.

    Returns:
        ``eager_latency_ms`` and ``eager_image_ms``, see `bench.latency.columns`.
    """
    lean = predictor.lean()
    run = torch_run(Shipped(lean, normalise, dataset.target_range, draws=True).eval())
    batches = {"eager_latency_ms": 1, "eager_image_ms": protocol.batch}

    def call(n_images: int) -> Callable[[], object]:
        images = np.zeros((n_images, *dataset.image_shape), dtype=np.uint8)
        return lambda: run(images, None)

    seconds = interleaved({key: call(n) for key, n in batches.items()}, rounds=protocol.rounds)
    return {
        key: median_interval(1000 * values / batches[key])[0] for key, values in seconds.items()
    }
