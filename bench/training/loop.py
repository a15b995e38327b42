"""Training: every part of a method on its own data order, with one optimiser budget for all."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.data.row import Augmentation
from bench.records.schema import Epoch, Part, finite
from bench.training.inputs import Inputs
from bench.training.settings import TrainingSettings
from bench.training.step import TrainingDiverged, TrainingStep
from bench.training.steps import Steps, steps_on
from methods.core.method import Method
from methods.core.seeding import derive_seed, seeded

__all__ = ["TrainingDiverged", "TrainingSettings", "batches", "train"]


def train(
    method: Method[Any],
    inputs: Inputs,
    normalise: Callable[[Tensor], Tensor],
    settings: TrainingSettings,
    validate: Callable[[Method[Any]], dict[str, float]],
    *,
    augmentation: Augmentation = "none",
    steps: Callable[[TrainingStep], Steps] | None = None,
) -> list[Epoch]:
    """Train ``method`` in place; it ends in evaluation mode.

    Args:
        method: on the device of ``inputs``.
        inputs: the training split.
        normalise: maps uint8 images to network inputs.
        settings: the budget.
        validate: validation metrics of a method in evaluation mode, "nll" among them.
        augmentation: of the training images, unless the settings name one.
        steps: how the steps of an epoch are taken; None: what suits the device.

    Returns:
        The history, epoch by epoch.

    Raises:
        TrainingDiverged: the training loss is not finite.
    """
    if settings.augment != "dataset":
        augmentation = settings.augment  # type: ignore[assignment]  # checked by its choices
    steps = steps or steps_on(inputs.y_B.device)
    parts = [
        _Part(TrainingStep(part, inputs, normalise, settings, augmentation), steps)
        for part in method.parts()
    ]
    history: list[Epoch] = []
    best_nll, best_state = math.inf, method.state_dict()
    for epoch in range(settings.epochs):
        method.train()
        trained = [part.train_epoch(epoch, settings, len(inputs.y_B)) for part in parts]
        method.eval()
        progress = (epoch + 1) / settings.epochs
        metrics = validate(method)
        history.append(
            Epoch(
                epoch=epoch,
                progress=progress,
                parts=trained,
                val=finite(metrics),
                diagnostics=method.diagnostics(progress),
            )
        )
        if settings.keep == "best" and metrics["nll"] < best_nll:
            best_nll, best_state = metrics["nll"], copy.deepcopy(method.state_dict())
    if settings.keep == "best":
        method.load_state_dict(best_state)
    return history


class _Part:
    """A part in training: its step, and how its steps are taken."""

    def __init__(self, step: TrainingStep, steps: Callable[[TrainingStep], Steps]) -> None:
        self._step, self._steps = step, steps(step)

    def train_epoch(self, epoch: int, settings: TrainingSettings, n_rows: int) -> Part:
        """One pass over the data."""
        seed, device = self._step.method.seed, self._step.draws.device
        rows = batches(n_rows, settings.batch_size, seed, epoch, device)
        n_steps = settings.epochs * len(rows)
        taken = range(epoch * len(rows), (epoch + 1) * len(rows))
        # From exactly 0 in the first step to exactly 1 in the last.
        progress = [index / max(n_steps - 1, 1) for index in taken]
        cosine = [0.5 * (1 + math.cos(math.pi * index / n_steps)) for index in taken]
        self._step.begin(epoch)
        with seeded(seed, "steps", epoch):
            self._steps(rows, progress, cosine)
        return self._step.means(epoch, len(rows))


def batches(
    n_rows: int, batch_size: int, seed: int, epoch: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, ...]:
    """The rows of each batch of an epoch: a permutation that depends on seed and epoch alone."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    # One way to the device for all of them: within the epoch it is never waited for.
    rows = torch.split(torch.randperm(n_rows, generator=generator).to(device), batch_size)
    # BatchNorm has no variance in a single row: such a remainder sits this epoch out.
    return rows[:-1] if len(rows) > 1 and len(rows[-1]) == 1 else rows
