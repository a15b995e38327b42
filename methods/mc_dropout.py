"""Monte Carlo Dropout (Gal & Ghahramani 2016): dropout that stays on, averaged over S passes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from methods.core.backbone import BackboneSettings
from methods.core.dropout import AlwaysOnDropout
from methods.core.method import uniform_weights
from methods.core.network import Problem
from methods.core.space import Settings, setting
from methods.core.surgery import replace_layers
from methods.standard import Standard

__all__ = ["AlwaysOnDropout", "MCDropout", "MCDropoutSettings"]


@dataclass(frozen=True, kw_only=True)
class MCDropoutSettings(Settings):
    """The rate p, the S passes, and whether the input layer drops too.

    Attributes:
        rate: p, the probability that a feature is dropped.
        n_passes: S, stochastic passes at evaluation; each costs a full pass.
        drop_input: dropout before the first layer too, that is on the pixels, each by itself.
        maps: before the other convolutions, entries are dropped (the authors' code) or channels.
    """

    rate: float = setting(
        0.1,
        letter="p",
        at_least=0.0,
        below=1.0,
        search=(0.0, 0.5),
        quick=(0.1, 0.3),
        paper=(0.05, 0.1, 0.2, 0.3, 0.5),
    )
    n_passes: int = setting(4, letter="S", at_least=1)
    drop_input: bool = setting(True)
    maps: str = setting("elementwise", choices=("elementwise", "channelwise"))


class MCDropout(Standard[MCDropoutSettings]):
    """The standard NN, dropout before every linear and convolution; passes are the members."""

    settings_type = MCDropoutSettings
    enumerated_in_paper = False

    def __init__(self, problem: Problem, settings: MCDropoutSettings, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        replace_layers(self.network, (nn.Linear, nn.Conv2d), self._with_dropout)

    def _with_dropout(self, index: int, layer: nn.Module) -> nn.Module:
        if index == 0 and not self.settings.drop_input:
            return layer
        on_map = index > 0 and isinstance(layer, nn.Conv2d)
        channelwise = on_map and self.settings.maps == "channelwise"
        return nn.Sequential(AlwaysOnDropout(self.settings.rate, channelwise=channelwise), layer)

    @classmethod
    def category(cls, settings: MCDropoutSettings, backbone: BackboneSettings) -> str:
        return "MC Dropout"

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """S passes as one batch: every row draws its own masks, and BatchNorm uses its averages."""
        n_passes = self.settings.n_passes
        outputs = self.network(x_BQHW.repeat(n_passes, 1, 1, 1))
        outputs_SBC: Tensor = outputs.view(n_passes, x_BQHW.shape[0], -1)
        return outputs_SBC.transpose(0, 1)

    def weights(self) -> Tensor:
        return uniform_weights(self.settings.n_passes, like=self)
