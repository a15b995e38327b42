"""BatchEnsemble (Wen et al. 2020): members share W and differ by rank-1 factors r, s and a bias."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.member_rows import (
    MemberLinear,
    Scaled,
    all_members,
    channels_of,
    per_row,
    training_rows,
)
from methods.core.method import ParameterGroup, uniform_weights
from methods.core.network import Problem
from methods.core.schedule import Progress
from methods.core.seeding import seeded
from methods.core.space import Settings, setting
from methods.core.surgery import replace_layers
from methods.standard import Standard


@dataclass(frozen=True, kw_only=True)
class BatchEnsembleSettings(Settings):
    """The members and how their fast weights start and learn.

    Attributes:
        n_members: M.
        fast_init: r, s ~ N(1, 0.5) or random signs +-1 (both in the paper).
        bias_init: each member's bias starts at zero or at the layer's own default.
        adapters: r, s and b in all layers, or TabM's mini (Gorishniy et al. 2025): r before the
            first layer alone, a head of each member's own, and one body for all.
        batch: in training every member sees the whole batch ("tiled"), or its M-th ("split").
        fast_learning_rate: multiplier of the learning rate for r and s.
    """

    n_members: int = setting(
        4, letter="M", at_least=1, search=(2, 4), smoke=(2,), quick=(2, 4), paper=(2, 3, 4)
    )
    fast_init: str = setting("normal", choices=("normal", "random_sign"))
    bias_init: str = setting("zero", choices=("zero", "default"))
    adapters: str = setting(
        "all", choices=("all", "first"), smoke=("all", "first"), quick=("all", "first")
    )
    batch: str = setting("tiled", choices=("tiled", "split"))
    fast_learning_rate: float = setting(1.0, above=0.0)


class RankOne(nn.Module):
    """A linear or convolution layer with M sets of rank-1 factors and biases.

    y_m = ((x * r_m) W) * s_m + b_m (Wen et al. 2020, eq. 5), for an input of M equal blocks of
    rows, member m's block being rows m*B .. (m+1)*B - 1.

    Args:
        layer: the plain layer; its weight is shared by all members.
        settings: M and the initial values.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d, settings: BatchEnsembleSettings) -> None:
        super().__init__()
        self.axis, n_in, n_out = channels_of(layer)
        n_members = settings.n_members
        self.r_MI = nn.Parameter(_fast_weights(n_members, n_in, settings.fast_init))
        self.s_MO = nn.Parameter(_fast_weights(n_members, n_out, settings.fast_init))
        self.b_MO = None
        if layer.bias is not None:
            start_O = layer.bias.detach() * (settings.bias_init == "default")
            self.b_MO = nn.Parameter(start_O.repeat(n_members, 1))
            layer.bias = None
        self.shared = layer

    def absorb(self, scale_O: Tensor, shift_O: Tensor) -> None:
        """Make the outputs y * scale + shift from now on (in place): a norm after the layer."""
        b_MO = torch.zeros_like(self.s_MO) if self.b_MO is None else self.b_MO.detach()
        self.s_MO = nn.Parameter(self.s_MO.detach() * scale_O)
        self.b_MO = nn.Parameter(b_MO * scale_O + shift_O)

    def forward(self, x: Tensor) -> Tensor:
        """(M*B, ..., I) to (M*B, ..., O), or channels on axis 1 for a convolution."""
        y: Tensor = self.shared(x * per_row(self.r_MI, x, self.axis))
        y = y * per_row(self.s_MO, y, self.axis)
        return y if self.b_MO is None else y + per_row(self.b_MO, y, self.axis)


def _fast_weights(n_members: int, n_features: int, init: str) -> Tensor:
    if init == "random_sign":
        return torch.randint(0, 2, (n_members, n_features)).float() * 2 - 1
    return torch.normal(1.0, 0.5, (n_members, n_features))


class BatchEnsemble(Standard[BatchEnsembleSettings]):
    """M members in one network; the batch is repeated once a member."""

    settings_type = BatchEnsembleSettings
    enumerated_in_paper = True

    def __init__(self, problem: Problem, settings: BatchEnsembleSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        with seeded(seed, "fast_weights"):
            if settings.adapters == "all":
                replace_layers(self.network, (nn.Linear, nn.Conv2d), self._rank_one)
            else:
                replace_layers(self.network.backbone.stem, (nn.Linear, nn.Conv2d), self._first)
                replace_layers(self.network.heads, (nn.Linear,), self._own_head)

    def _rank_one(self, index: int, layer: nn.Module) -> nn.Module:
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        return RankOne(layer, self.settings)

    def _first(self, index: int, layer: nn.Module) -> nn.Module:
        if index > 0:
            return layer
        s, (axis, n_in, _) = self.settings, channels_of(layer)
        factors_MI = nn.Parameter(_fast_weights(s.n_members, n_in, s.fast_init))
        return nn.Sequential(Scaled(factors_MI, axis), layer)

    def _own_head(self, index: int, layer: nn.Module) -> nn.Module:
        assert isinstance(layer, nn.Linear)
        return MemberLinear(layer, self.settings.n_members)

    @classmethod
    def category(cls, settings: BatchEnsembleSettings, backbone: BackboneSettings) -> str:
        """TabM's name for the members that differ in the first adapter and the head alone."""
        return "BatchEnsemble" if settings.adapters == "all" else "TabM-mini"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        s = self.settings
        rows = training_rows(len(x_BQHW), s.n_members, s.batch, x_BQHW.device)
        outputs_R1C = self.network(x_BQHW[rows])
        return -self.likelihood.log_prob(outputs_R1C, y_B[rows][:, None]).mean()

    def forward(self, x_BQHW: Tensor) -> Tensor:
        return all_members(self.network, x_BQHW, self.settings.n_members)

    def weights(self) -> Tensor:
        return uniform_weights(self.settings.n_members, like=self)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weight decay would pull r and s to 0, that is, switch features off: they have none."""
        fast = [
            values
            for name, values in self.named_parameters()
            if name.rpartition(".")[2] in ("r_MI", "s_MO", "factors_MF")
        ]
        fast_ids = {id(values) for values in fast}
        slow = [values for values in self.parameters() if id(values) not in fast_ids]
        return [
            ParameterGroup(name="weights", parameters=slow),
            ParameterGroup(
                name="fast_weights",
                parameters=fast,
                learning_rate=self.settings.fast_learning_rate,
                weight_decay=False,
            ),
        ]
