"""Masksembles (Durasov et al. 2021): members share all weights, each sees its own features.

M fixed binary masks stand before every layer but the first, where dropout would. The more features
two masks share, the more alike are their members: from one network to M that share no weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.member_rows import Scaled, all_members, channels_of, training_rows
from methods.core.method import uniform_weights
from methods.core.network import Problem
from methods.core.schedule import Progress
from methods.core.seeding import seeded
from methods.core.space import Settings, setting
from methods.core.surgery import replace_layers
from methods.standard import Standard


@dataclass(frozen=True, kw_only=True)
class MasksemblesSettings(Settings):
    """The masks, and which of them a training row takes.

    Attributes:
        n_members: M masks.
        scale: how many times as many features as a mask keeps the masks were drawn from. 1: all are
            full; the larger, the less they overlap (the authors' default for images is 2).
        batch: in training every mask sees its M-th of the batch ("split", as the authors do), or
            all of it ("tiled").
    """

    n_members: int = setting(
        4, letter="M", at_least=1, search=(2, 4), smoke=(2,), quick=(2, 4), paper=(2, 3, 4)
    )
    scale: float = setting(2.0, letter="scale", at_least=1.0, search=(1.0, 6.0))
    batch: str = setting("split", choices=("split", "tiled"))


def kept(n_features: int, n_masks: int, scale: float) -> int:
    """How many of F features each mask keeps.

    Masks of k ones among k * scale places use k * scale * (1 - (1 - 1/scale)^M) of them on average
    (Durasov et al. 2021, eq. 1), and the F features are the places in use.

    Returns:
        k, rounded down as the authors do; at least F / M, so that every feature is in a mask.
    """
    used = scale * (1 - (1 - 1 / scale) ** n_masks)
    return max(int(n_features / used), math.ceil(n_features / n_masks))


def draw_masks(n_features: int, n_masks: int, scale: float) -> Tensor:
    """Binary masks (M, F) of equally many ones, every feature in at least one of them.

    The authors draw masks over more places until exactly F are in use, which leaves M random
    subsets of equal size that cover F features. So subsets are drawn here, and ones of features
    that several masks keep move to features that none does: no layer is too narrow for it.
    """
    n_kept = kept(n_features, n_masks, scale)
    masks_MF = torch.zeros(n_masks, n_features)
    for mask_F in masks_MF:
        mask_F[torch.randperm(n_features)[:n_kept]] = 1
    for absent in (masks_MF.sum(0) == 0).nonzero()[:, 0].tolist():
        shared_MF = masks_MF * (masks_MF.sum(0) > 1)
        places = shared_MF.nonzero()
        mask, feature = places[torch.randint(len(places), ())].tolist()
        masks_MF[mask, feature], masks_MF[mask, absent] = 0, 1
    return masks_MF


class Masksembles(Standard[MasksemblesSettings]):
    """The standard NN with masks; the batch is repeated once a mask at evaluation."""

    settings_type = MasksemblesSettings
    enumerated_in_paper = False

    def __init__(self, problem: Problem, settings: MasksemblesSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        with seeded(seed, "masks"):
            replace_layers(self.network, (nn.Linear, nn.Conv2d), self._masked)

    def _masked(self, index: int, layer: nn.Module) -> nn.Module:
        if index == 0:
            return layer
        axis, n_features, _ = channels_of(layer)
        s = self.settings
        return nn.Sequential(Scaled(draw_masks(n_features, s.n_members, s.scale), axis), layer)

    @classmethod
    def category(cls, settings: MasksemblesSettings, backbone: BackboneSettings) -> str:
        return "Masksembles"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        s = self.settings
        rows = training_rows(len(x_BQHW), s.n_members, s.batch, x_BQHW.device)
        outputs_R1C = self.network(x_BQHW[rows])
        return -self.likelihood.log_prob(outputs_R1C, y_B[rows][:, None]).mean()

    def forward(self, x_BQHW: Tensor) -> Tensor:
        return all_members(self.network, x_BQHW, self.settings.n_members)

    def weights(self) -> Tensor:
        return uniform_weights(self.settings.n_members, like=self)
