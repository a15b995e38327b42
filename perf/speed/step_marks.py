"""When each part of a training step ends: marks set from outside on ``bench.training.loop``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from bench.training.adam import ClippedAdam
from bench.training.inputs import Normalise
from methods.core.method import Method
from methods.core.network import Network
from methods.core.schedule import Progress

# In the order of a step; each ends where the next one begins.
PARTS = (
    "gather, augment",
    "normalise",
    "draws, inputs",
    "forward",
    "loss",
    "backward",
    "clip, optimiser",
)


class Marks:
    """Times of the ends of the parts, step after step."""

    def __init__(self) -> None:
        self.steps: list[list[float]] = []
        self._step: list[float] = []

    def mark(self, index: int) -> None:
        """Part ``index`` ends now; the last such call of a step counts."""
        del self._step[index:]
        self._step.append(time.perf_counter())

    def end_step(self) -> None:
        """The last part ends now."""
        self.mark(len(PARTS) - 1)
        if len(self._step) == len(PARTS):
            self.steps.append(self._step)
        self._step = []

    def seconds(self) -> npt.NDArray[np.float64]:
        """Seconds of each part in each step but the first, shape (steps, parts)."""
        ends = np.array(self.steps)
        starts = np.column_stack((ends[:-1, -1], ends[1:, :-1]))
        seconds: npt.NDArray[np.float64] = ends[1:] - starts
        return seconds


class MarkedNormalise:
    """A normalisation that says when it begins and ends."""

    def __init__(self, normalise: Normalise, marks: Marks) -> None:
        self._normalise, self._marks = normalise, marks

    def __call__(self, images_BQHW: Tensor) -> Tensor:
        """As ``Normalise`` does."""
        self._marks.mark(0)
        x_BQHW = self._normalise(images_BQHW)
        self._marks.mark(1)
        return x_BQHW


@contextmanager
def marked(method: Method[Any], marks: Marks) -> Iterator[None]:
    """Within the block, training ``method`` sets the marks."""
    network = next(module for module in method.modules() if isinstance(module, Network))
    loss, step = method.loss, ClippedAdam.step

    def marked_loss(x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        found = loss(x_BQHW, y_B, progress)
        marks.mark(4)
        return found

    def marked_step(optimiser: ClippedAdam) -> Tensor:
        norms = step(optimiser)
        marks.end_step()
        return norms

    # The stem is differentiated last: its gradients are the end of the backward pass.
    stem = list(network.backbone.stem.parameters())
    hooks: list[Any] = [
        network.register_forward_pre_hook(lambda *_: marks.mark(2)),
        network.register_forward_hook(lambda *_: marks.mark(3)),
        *(_after_gradient(parameter, marks) for parameter in stem),
    ]
    method.loss = marked_loss  # type: ignore[method-assign]
    try:
        with mock.patch.object(ClippedAdam, "step", marked_step):
            yield
    finally:
        del method.loss
        for hook in hooks:
            hook.remove()


def _after_gradient(parameter: nn.Parameter, marks: Marks) -> Any:
    hook: Any = parameter.register_post_accumulate_grad_hook  # torch has no types for it
    return hook(lambda _: marks.mark(5))
