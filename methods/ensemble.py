"""Naive (deep) ensemble: M standard networks that share nothing (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.method import Method, uniform_weights
from methods.core.network import Problem
from methods.core.schedule import Progress
from methods.core.seeding import derive_seed
from methods.core.space import Settings, setting
from methods.standard import Standard, StandardSettings


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings(Settings):
    """M, the number of networks."""

    n_members: int = setting(
        4, letter="M", at_least=1, search=(2, 4), smoke=(2,), quick=(2, 4), paper=(2, 3, 4)
    )


class Ensemble(Method[EnsembleSettings]):
    """Members differ in initialisation and data order; each is a standard NN of its own seed."""

    settings_type = EnsembleSettings
    enumerated_in_paper = True

    def __init__(self, problem: Problem, settings: EnsembleSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        self.members = nn.ModuleList(
            Standard(problem, StandardSettings(), seed=member_seed(seed, m))
            for m in range(settings.n_members)
        )

    @classmethod
    def category(cls, settings: EnsembleSettings, backbone: BackboneSettings) -> str:
        return "NN Ensemble"

    def parts(self) -> Sequence[Method[Any]]:
        return [member for member in self.members if isinstance(member, Standard)]

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """The sum over members: its gradient on each is that of the member trained alone."""
        return torch.stack([part.loss(x_BQHW, y_B, progress) for part in self.parts()]).sum()

    def forward(self, x_BQHW: Tensor) -> Tensor:
        return torch.cat([member(x_BQHW) for member in self.members], dim=1)

    def weights(self) -> Tensor:
        return uniform_weights(self.settings.n_members, like=self)


def member_seed(seed: int, member: int) -> int:
    """Member 0 is the standard NN of the same seed; the others have seeds of their own."""
    return seed if member == 0 else derive_seed(seed, "member", member)
