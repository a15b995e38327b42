"""What is left of a trained SAE once it is known which of its exits are used."""

from __future__ import annotations

from torch import Tensor

from methods.core.lean import sum_inputs
from methods.core.likelihood import Likelihood
from methods.core.merged import MergedNetwork
from methods.core.method import Predictor
from methods.core.network import Network


class PrunedSAE(Predictor):
    """A trained SAE without the parts that its active predictors do not need."""

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

    def lean(self) -> Predictor:
        """Without the repetition of the image, too, and with all exits in one product."""
        copied = super().lean()
        assert isinstance(copied, PrunedSAE)
        sum_inputs(copied.network.backbone.stem, self.n_inputs)
        copied.n_inputs = 1
        if isinstance(copied.network, Network) and len(copied.network.heads) > 1:
            copied.network = MergedNetwork(copied.network)
        return copied

    def weights(self) -> Tensor:
        weights_M = self.weights_M
        assert isinstance(weights_M, Tensor)
        return weights_M
