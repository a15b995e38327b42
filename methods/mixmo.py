"""MixMo (Rame et al. 2021): two inputs, mixed in feature space after a first layer each.

Features are mixed 2 (k l_0 + (1 - k) l_1), or input 1's are pasted into a box of input 0's (Cut).
The loss of each output is weighted by how much of its input was in the mix.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.method import Method, Predictor, uniform_weights
from methods.core.multi_input import MultiInput
from methods.core.network import Network, Problem
from methods.core.schedule import Progress, elapsed_since, linear
from methods.core.seeding import seeded
from methods.core.space import Settings, setting
from methods.core.surgery import replace_layers

# The authors lower the probability of Cut to 0 over the last twelfth of the training.
CUT_UNTIL = 11 / 12


@dataclass(frozen=True, kw_only=True)
class MixMoSettings(Settings):
    """How two inputs are mixed, and how their losses are weighted.

    Attributes:
        cut_probability: share of the batches that are mixed by boxes (0: Linear-MixMo).
        concentration: of the Beta distribution of the ratio k, both its parameters.
        root: r of the weights 2 k^(1/r) / (k^(1/r) + (1-k)^(1/r)); 1: the ratio itself, the larger,
            the more equal.
        batch_repetition: how often a batch is repeated within a step (the authors: 2 or 4).
    """

    cut_probability: float = setting(
        0.5, letter="cut", at_least=0.0, at_most=1.0, search=(0.0, 1.0), quick=(0.0, 0.5),
        paper=(0.0, 0.5),
    )  # fmt: skip
    concentration: float = setting(2.0, above=0.0)
    root: float = setting(3.0, at_least=1.0, search=(1.0, 5.0))
    batch_repetition: int = setting(1, at_least=1)


class Mix:
    """How one batch is mixed.

    Args:
        ratio_B: k, the share of input 0.
        cut: true (a tensor, so that no step waits for its value): by boxes instead of sums.
    """

    def __init__(self, ratio_B: Tensor, *, cut: Tensor) -> None:
        self.ratio_B, self.cut = ratio_B, cut

    def share(self, shape: torch.Size) -> Tensor:
        """The share of input 0 in features of ``shape``, broadcast to it.

        Of a cut, ``ratio_B`` becomes the share that input 0 keeps: boxes end at the borders.
        """
        outside = boxes(self.ratio_B, shape[2:] or shape[1:])
        ratio = self.ratio_B.view(-1, *[1] * (outside.ndim - 1))
        share = torch.where(self.cut, outside, ratio)
        self.ratio_B = share.flatten(1).mean(1)
        return share[:, None] if len(shape) > 2 else share


def boxes(ratio_B: Tensor, sizes: Sequence[int]) -> Tensor:
    """Masks (B, *sizes): 0 in a box of volume 1 - ratio, clipped at the borders, else 1.

    Source: CutMix (Yun et al. 2019): equal relative sides, a uniform centre. Features without a
    place have one axis, their order.
    """
    device = ratio_B.device
    side_B1 = ((1 - ratio_B) ** (1 / len(sizes)))[:, None]
    inside = torch.ones(len(ratio_B), *[1] * len(sizes), dtype=torch.bool, device=device)
    for axis, size in enumerate(sizes, start=1):
        centre_B1 = torch.rand(len(ratio_B), 1, device=device) * size
        near = (torch.arange(size, device=device) + 0.5 - centre_B1).abs() < side_B1 * size / 2
        shape = [1] * (len(sizes) + 1)
        shape[0], shape[axis] = len(ratio_B), size
        inside = inside & near.view(shape)
    return 1 - inside.float()


class MixedInput(nn.Module):
    """The first layer of both inputs; their outputs mixed while a mix is set.

    Args:
        layer: Linear or Conv2d, takes both inputs stacked.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.mix: Mix | None = None

    def forward(self, x: Tensor) -> Tensor:
        """2 (k W_0 x_0 + (1 - k) W_1 x_1) + b; without a mix k = 1/2."""
        if self.mix is None:
            return self._layer(x)
        x_0, x_1 = x.chunk(2, dim=1)
        l_0 = self._layer(torch.cat((2 * x_0, torch.zeros_like(x_0)), dim=1))
        l_1 = self._layer(torch.cat((torch.zeros_like(x_1), 2 * x_1), dim=1))
        share = self.mix.share(l_0.shape)
        return share * l_0 + (1 - share) * l_1

    def _layer(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layer(x)
        return outputs


def loss_weights(ratio_B: Tensor, root: float) -> Tensor:
    """Weights (B, 2) of both inputs' losses, which sum to 2, from the share of input 0."""
    shares_B2 = torch.stack((ratio_B, 1 - ratio_B), dim=1) ** (1 / root)
    return 2 * shares_B2 / shares_B2.sum(1, keepdim=True)


class MixMo(Method[MixMoSettings]):
    """Two inputs, one exit; at evaluation both carry the image and their features are summed."""

    settings_type = MixMoSettings

    def __init__(self, problem: Problem, settings: MixMoSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        with seeded(seed, "init"):
            self.network = Network(problem, n_inputs=2, exits=[problem.backbone.depth])
        replace_layers(
            self.network.backbone.stem,
            (nn.Linear, nn.Conv2d),
            lambda index, layer: MixedInput(layer) if index == 0 else layer,
        )

    @classmethod
    def category(cls, settings: MixMoSettings, backbone: BackboneSettings) -> str:
        return "MixMo"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        """mean_B of the sum of w_n NLL_n over both inputs; input 1 permutes the batch."""
        s = self.settings
        x_BQHW = x_BQHW.repeat(s.batch_repetition, 1, 1, 1)
        y_B = y_B.repeat(s.batch_repetition)
        order_B = torch.randperm(len(x_BQHW), device=x_BQHW.device)
        (first,) = (m for m in self.network.modules() if isinstance(m, MixedInput))
        mix = first.mix = self._mix(len(x_BQHW), progress, x_BQHW.device)
        outputs_B2C = self.network(torch.cat((x_BQHW, x_BQHW[order_B]), dim=1))
        first.mix = None
        y_B2 = torch.stack((y_B, y_B[order_B]), dim=1)
        nll_B2 = -self.likelihood.log_prob(outputs_B2C, y_B2)
        return (loss_weights(mix.ratio_B, s.root) * nll_B2).sum(1).mean()

    def _mix(self, n_rows: int, progress: Progress, device: torch.device) -> Mix:
        """One draw for a batch: the ratio of each row, and whether boxes are cut."""
        s = self.settings
        concentration = torch.full((), s.concentration, device=device)
        beta = torch.distributions.Beta(concentration, concentration, validate_args=False)
        late = elapsed_since(CUT_UNTIL, progress)
        cut = torch.rand((), device=device) < linear(s.cut_probability, 0.0, late)
        return Mix(beta.sample((n_rows,)), cut=cut)

    def forward(self, x_BQHW: Tensor) -> Tensor:
        outputs_B2C: Tensor = self.network(x_BQHW.repeat(1, 2, 1, 1))
        return outputs_B2C

    def weights(self) -> Tensor:
        return uniform_weights(2, like=self)

    def pruned(self) -> Predictor:
        """The network of two inputs, without the mixing of training."""
        network = copy.deepcopy(self.network)
        replace_layers(network, (MixedInput,), lambda _, mixed: mixed.get_submodule("layer"))
        return MultiInput(network, 2, self.weights(), self.likelihood).eval()
