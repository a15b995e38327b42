"""Standard NN: one network, its last exit alone, trained on the negative log-likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from methods.core.backbone import BackboneSettings
from methods.core.method import Method, uniform_weights
from methods.core.network import Network, Problem
from methods.core.schedule import Progress
from methods.core.seeding import seeded
from methods.core.space import Settings, SettingsT


@dataclass(frozen=True, kw_only=True)
class StandardSettings(Settings):
    """Nothing to set: the backbone's width and depth say it all."""


class Standard(Method[SettingsT]):
    """The baseline that every cost is compared with."""

    settings_type: ClassVar[type[Settings]] = StandardSettings
    enumerated_in_paper = True

    def __init__(self, problem: Problem, settings: SettingsT, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        with seeded(seed, "init"):
            self.network = Network(problem, exits=[problem.backbone.depth])

    @classmethod
    def category(cls, settings: SettingsT, backbone: BackboneSettings) -> str:
        return "Standard NN"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        outputs_B1C = self.network(x_BQHW)
        return -self.likelihood.log_prob(outputs_B1C, y_B[:, None]).mean()

    def forward(self, x_BQHW: Tensor) -> Tensor:
        outputs_B1C: Tensor = self.network(x_BQHW)
        return outputs_B1C

    def weights(self) -> Tensor:
        return uniform_weights(1, like=self)
