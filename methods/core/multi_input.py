"""A trained network of N inputs at evaluation: all of them carry the same image."""

from __future__ import annotations

from torch import Tensor

from methods.core.fused import sum_inputs
from methods.core.likelihood import Likelihood
from methods.core.merged import MergedNetwork, mergeable
from methods.core.method import Predictor
from methods.core.network import Network


class MultiInput(Predictor):
    """The predictors of a network of N inputs, with the image repeated on all of them.

    Args:
        network: its predictors are the members; not copied.
        n_inputs: N.
        weights_M: of the members.
        likelihood: of the task.
    """

    def __init__(
        self, network: Network, n_inputs: int, weights_M: Tensor, likelihood: Likelihood
    ) -> None:
        super().__init__()
        self.network: Network | MergedNetwork = network
        self.n_inputs = n_inputs
        self.likelihood = likelihood
        self.register_buffer("weights_M", weights_M)

    def forward(self, x_BQHW: Tensor) -> Tensor:
        if self.n_inputs > 1:
            x_BQHW = x_BQHW.repeat(1, self.n_inputs, 1, 1)
        outputs_BMC: Tensor = self.network(x_BQHW)
        return outputs_BMC

    def fused(self) -> Predictor:
        """Also without the repetition of the image, and with equal exits in one product."""
        fused = super().fused()
        assert isinstance(fused, MultiInput)
        sum_inputs(fused.network.backbone.stem, self.n_inputs)
        fused.n_inputs = 1
        if isinstance(fused.network, Network) and mergeable(fused.network):
            fused.network = MergedNetwork(fused.network)
        return fused

    def weights(self) -> Tensor:
        weights_M = self.weights_M
        assert isinstance(weights_M, Tensor)
        return weights_M
