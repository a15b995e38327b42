"""Training: every part of a method on its own data order, with one optimiser budget for all."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor

from bench.data.row import Augmentation
from bench.records.schema import Epoch, Part, finite
from bench.training.adam import ClippedAdam
from bench.training.augment import augment
from bench.training.inputs import Inputs, Normalise
from methods.core.method import Method, ParameterGroup
from methods.core.seeding import derive_seed, seeded
from methods.core.space import Settings, setting


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """The optimiser's budget, the same for every method.

    Attributes:
        epochs: passes over the training split; there is no early stop.
        batch_size: B; the last batch of an epoch may be shorter.
        learning_rate: Adam's at the start; it falls to 0 along half a cosine.
        weight_decay: Adam's (L2), on parameters whose group takes it.
        clip: largest gradient norm of a parameter group, per mean NLL that the loss sums (SAE: one
            per input).
        augment: of the training images; "dataset" is what the dataset's row says.
        keep: the weights after the last epoch, or those of the lowest validation NLL.
    """

    epochs: int = setting(20, at_least=1, smoke=(5,), paper=(100,))
    batch_size: int = setting(128, at_least=2)
    learning_rate: float = setting(1e-3, above=0.0, log=True)
    weight_decay: float = setting(1e-4, at_least=0.0)
    clip: float = setting(5.0, above=0.0)
    augment: str = setting("dataset", choices=("dataset", *get_args(Augmentation)))
    keep: str = setting("last", choices=("last", "best"))

    @classmethod
    def owner(cls) -> str:
        """The group is `train`, whatever this file is called."""
        return "train"


class TrainingDiverged(Exception):  # noqa: N818 - it says what happened
    """The loss stopped being a finite number."""


@dataclass
class _Part:
    """A part in training: its optimiser, and its groups in the optimiser's order."""

    method: Method[Any]
    groups: list[ParameterGroup]
    optimiser: ClippedAdam


def train(
    method: Method[Any],
    inputs: Inputs,
    normalise: Normalise,
    settings: TrainingSettings,
    validate: Callable[[Method[Any]], dict[str, float]],
    *,
    augmentation: Augmentation = "none",
) -> list[Epoch]:
    """Train ``method`` in place; it ends in evaluation mode.

    Args:
        method: on the device of ``inputs``.
        inputs: the training split.
        normalise: maps uint8 images to network inputs.
        settings: the budget.
        validate: validation metrics of a method in evaluation mode, "nll" among them.
        augmentation: of the training images, unless the settings name one.

    Returns:
        The history, epoch by epoch.

    Raises:
        TrainingDiverged: the training loss is not finite.
    """
    if settings.augment != "dataset":
        augmentation = settings.augment  # type: ignore[assignment]  # checked by its choices
    parts = [_part(part, settings) for part in method.parts()]
    history: list[Epoch] = []
    best_nll, best_state = math.inf, method.state_dict()
    for epoch in range(settings.epochs):
        method.train()
        trained = [
            _train_epoch(part, inputs, normalise, settings, epoch, augmentation) for part in parts
        ]
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


def _part(method: Method[Any], settings: TrainingSettings) -> _Part:
    groups = [group for group in method.parameter_groups() if group.parameters]
    optimiser = ClippedAdam(
        [
            {
                "params": list(group.parameters),
                "weight_decay": settings.weight_decay if group.weight_decay else 0.0,
                "clip": settings.clip * group.clip_factor if group.clip is None else group.clip,
            }
            for group in groups
        ],
        lr=settings.learning_rate,
    )
    return _Part(method, groups, optimiser)


def _train_epoch(
    part: _Part,
    inputs: Inputs,
    normalise: Normalise,
    settings: TrainingSettings,
    epoch: int,
    augmentation: Augmentation,
) -> Part:
    """One pass over the data; mean loss and mean gradient norms over the steps."""
    device = inputs.y_B.device
    rows = batches(len(inputs.y_B), settings.batch_size, part.method.seed, epoch, device)
    n_steps = settings.epochs * len(rows)
    loss_sum = torch.zeros((), device=device)
    norm_sums = torch.zeros(len(part.groups), device=device)
    clips = torch.tensor(
        [options["clip"] for options in part.optimiser.param_groups], device=device
    )
    clipped_sums = torch.zeros_like(norm_sums)
    # A stream of its own: every method of a seed sees the same augmented images.
    draws = torch.Generator(device)
    draws.manual_seed(derive_seed(part.method.seed, "augment", epoch))
    with seeded(part.method.seed, "steps", epoch):
        for index, rows_B in enumerate(rows):
            step = epoch * len(rows) + index
            # From exactly 0 in the first step to exactly 1 in the last.
            progress = step / max(n_steps - 1, 1)
            _set_learning_rates(part, settings.learning_rate, step / n_steps)
            # index_select copies rows whole: 10 times as fast as indexing, which goes by element.
            images_BQHW = inputs.images_BQHW.index_select(0, rows_B)
            x_BQHW = normalise(augment(images_BQHW, augmentation, generator=draws))
            loss = part.method.loss(x_BQHW, inputs.y_B[rows_B], progress)
            part.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norms = part.optimiser.step()
            norm_sums += norms
            clipped_sums += norms > clips
            loss_sum += loss.detach()
    if not math.isfinite(loss_sum.item()):
        raise TrainingDiverged(f"the training loss became {loss_sum.item()} in epoch {epoch}")
    names = [group.name for group in part.groups]
    return Part(
        train_loss=loss_sum.item() / len(rows),
        gradient_norms=dict(zip(names, (norm_sums / len(rows)).tolist(), strict=True)),
        clipped=dict(zip(names, (clipped_sums / len(rows)).tolist(), strict=True)),
    )


def batches(
    n_rows: int, batch_size: int, seed: int, epoch: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, ...]:
    """The rows of each batch of an epoch: a permutation that depends on seed and epoch alone."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    # One way to the device for all of them: within the epoch it is never waited for.
    rows = torch.split(torch.randperm(n_rows, generator=generator).to(device), batch_size)
    # BatchNorm has no variance in a single row: such a remainder sits this epoch out.
    return rows[:-1] if len(rows) > 1 and len(rows[-1]) == 1 else rows


def _set_learning_rates(part: _Part, learning_rate: float, progress: float) -> None:
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    for group, options in zip(part.groups, part.optimiser.param_groups, strict=True):
        options["lr"] = learning_rate * group.learning_rate * cosine
