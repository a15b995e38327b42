"""From a predictor and images to predictions and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.metrics.predictive import Predictive
from bench.training.inputs import Inputs
from methods.core.likelihood import Likelihood
from methods.core.method import Method, Predictor
from methods.core.seeding import seeded

# Large enough to keep one core busy, small enough for the features to stay in its cache: those of
# an image are many where convolutions keep its pixels. Of 256 images instead of 32 a ResNet of
# width 8 takes 1.7 times as long at 64 pixels, with M = 4 tiles 2.9 times. A GPU has no such cache.
BATCH_SIZE = 256
BATCH_SIZE_OF_MAPS = 32


def predict(
    predictor: Predictor,
    images_BQHW: Tensor,
    normalise: Callable[[Tensor], Tensor],
    *,
    seed: int,
    purpose: str,
) -> Tensor:
    """Outputs of all members on the CPU, (B, M, C).

    Args:
        predictor: in evaluation mode.
        images_BQHW: uint8, on the predictor's device.
        normalise: maps them to network inputs.
        seed: the run's seed; stochastic members (MC Dropout) draw from it and ``purpose``.
        purpose: the split's name.
    """
    assert not predictor.training
    with torch.inference_mode(), seeded(seed, "predict", purpose):
        chunks = torch.split(images_BQHW, batch_size(predictor))
        return torch.cat([predictor(normalise(chunk)) for chunk in chunks]).cpu()


def batch_size(predictor: Predictor) -> int:
    """How many images are predicted at once."""
    on_maps = any(isinstance(module, nn.Conv2d) for module in predictor.modules())
    on_cpu = next(predictor.parameters()).device.type == "cpu"
    return BATCH_SIZE_OF_MAPS if on_maps and on_cpu else BATCH_SIZE


def predictive(
    likelihood: Likelihood, outputs_BMC: Tensor, weights_M: Tensor, y_B: npt.NDArray[Any]
) -> Predictive:
    """What the metrics read: members and mixture, mixed in double and kept in single precision.

    Single precision is what a record stores: its metrics can be recomputed from it to the last bit.
    """
    outputs_BMC, weights_M = outputs_BMC.double(), _normalised(weights_M)
    return Predictive(
        task=likelihood.task,
        mixed_BC=likelihood.mix(outputs_BMC, weights_M).float().numpy(),
        members_BMC=likelihood.members(outputs_BMC).float().numpy(),
        weights_M=kept_weights(weights_M).astype(np.float64),
        y_B=y_B,
    )


def kept_weights(weights_M: Tensor) -> npt.NDArray[np.float32]:
    """The members' weights as a record stores them, (M,)."""
    return _normalised(weights_M).float().numpy()


def _normalised(weights_M: Tensor) -> Tensor:
    """Weights in double precision: in single they sum to 1 within 1e-7 alone."""
    weights_M = weights_M.detach().cpu().double()
    return weights_M / weights_M.sum()


def predict_split(
    predictor: Predictor,
    inputs: Inputs,
    normalise: Callable[[Tensor], Tensor],
    *,
    seed: int,
    purpose: str,
) -> Predictive:
    """The predictive of one split: members and mixture."""
    outputs_BMC = predict(predictor, inputs.images_BQHW, normalise, seed=seed, purpose=purpose)
    y_B = inputs.y_B.cpu().numpy()
    return predictive(predictor.likelihood, outputs_BMC, predictor.weights(), y_B)


def examine(
    method: Method[Any], inputs: Inputs, normalise: Callable[[Tensor], Tensor]
) -> dict[str, Any]:
    """What a trained method records of itself on ``inputs`` (of the validation split)."""
    assert not method.training
    size = batch_size(method)
    columns = torch.split(inputs.images_BQHW, size), torch.split(inputs.y_B, size)
    with torch.inference_mode():
        return method.examine((normalise(x), y) for x, y in zip(*columns, strict=True))
