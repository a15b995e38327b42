"""The contract of a method: what the benchmark uses of it, and nothing more."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.fused import fold_norms
from methods.core.likelihood import Likelihood
from methods.core.network import Problem
from methods.core.schedule import Progress
from methods.core.space import Settings, SettingsT


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Parameters that the optimiser treats alike.

    Attributes:
        name: for the log (its gradient norm is recorded under it).
        parameters: the parameters; an empty group is left out.
        learning_rate: multiplier of the run's learning rate.
        weight_decay: whether the run's weight decay applies.
        clip: largest gradient norm of this group; None = the run's, ``clip_factor`` times.
        clip_factor: how many mean NLLs the loss sums: its gradient is as much larger.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    learning_rate: float = 1.0
    weight_decay: bool = True
    clip: float | None = None
    clip_factor: float = 1.0


class Predictor(nn.Module, ABC):
    """What is exported: images in, the outputs of M predictors and their weights out."""

    likelihood: Likelihood

    @abstractmethod
    def forward(self, x_BQHW: Tensor) -> Tensor:
        """Outputs of the M members at evaluation, never averaged: (B, M, C)."""

    @abstractmethod
    def weights(self) -> Tensor:
        """Weights of the members in the mixture, (M,), sum 1."""

    def fused(self) -> Predictor:
        """A copy in evaluation mode that predicts the same, up to rounding, with less work.

        BatchNorm is folded into the layer before it.
        """
        copied = copy.deepcopy(self).eval()
        fold_norms(copied)
        return copied


def uniform_weights(n_members: int, like: nn.Module) -> Tensor:
    """Equal weights for ``n_members``, on the device of the parameters of ``like``."""
    return torch.full((n_members,), 1.0 / n_members, device=next(like.parameters()).device)


class Method(Predictor, Generic[SettingsT]):
    """A way to train and evaluate one (possibly ensembling) model.

    A file in ``methods/`` that defines one subclass is a method; the file's name is its name on the
    command line. The constructor takes ``(problem, settings, seed=...)`` and draws all its initial
    values from that seed.

    Attributes:
        settings_type: its settings dataclass, the one that it is generic in.
        explores_depth: whether presets enumerate the backbone's depths for it. False where exits
            already cover them.
        enumerated_in_paper: whether the paper runs its whole (small) grid instead of searching.
        seed: what its initial values, its data order and its sampling are derived from.
    """

    settings_type: ClassVar[type[Settings]]
    explores_depth: ClassVar[bool] = True
    enumerated_in_paper: ClassVar[bool] = False

    def __init__(self, problem: Problem, settings: SettingsT, *, seed: int) -> None:
        super().__init__()
        if seed < 0:
            raise ValueError(f"seed={seed}: must be >= 0")
        self.check(settings, problem.backbone)
        self.likelihood = problem.likelihood
        self.settings = settings
        self.seed = seed

    @classmethod
    def check(cls, settings: SettingsT, backbone: BackboneSettings) -> None:
        """Raise ValueError where the settings do not fit the backbone (by default they do)."""

    @classmethod
    @abstractmethod
    def category(cls, settings: SettingsT, backbone: BackboneSettings) -> str:
        """Its name in the legends of tables and figures."""

    @abstractmethod
    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """The scalar training objective on one batch.

        Args:
            x_BQHW: normalised images.
            y_B: their targets.
            progress: in [0, 1], drives schedules. On a GPU it is a tensor, and a step that looks at
                no value on the CPU and draws on ``x_BQHW.device`` is captured once and replayed.
        """

    def pruned(self) -> Predictor:
        """A copy without unused parts, in evaluation mode, that predicts as the full model.

        Its layers are those of the paper, and so are its costs: BatchNorm apart, N stem slices.
        """
        return copy.deepcopy(self).eval()

    def prunings(self) -> Iterator[Predictor]:
        """What ``pruned`` may become by training, one of each cost: for most methods one.

        A search derives the costs of a configuration from it before training.
        """
        yield self.pruned()

    def deployed(self) -> Predictor:
        """The one network that is exported: pruned, then fused.

        It predicts as the full model, up to rounding. Evaluation, costs, latency and export are of
        this network.
        """
        return self.pruned().fused()

    def parts(self) -> Sequence[Method[Any]]:
        """What is trained independently of each other, each on its own data order."""
        return (self,)

    def parameter_groups(self) -> list[ParameterGroup]:
        """All parameters, grouped for the optimiser."""
        return [ParameterGroup(name="weights", parameters=list(self.parameters()))]

    def diagnostics(self, progress: float) -> dict[str, Any]:
        """What is worth recording at each epoch, JSON-ready."""
        return {}

    def examine(self, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
        """What is worth recording once it is trained, JSON-ready.

        Args:
            batches: normalised validation images and their targets; evaluation mode, no gradients.
        """
        return {}
