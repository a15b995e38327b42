"""The one owner of every difference between classification and regression.

A predictor puts out C numbers per sample. The likelihood is what they mean, how probable a target
is under them, and how the M predictors of an ensemble mix into one predictive distribution.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

# Targets are scaled to [0, 1], so a predictor's standard deviation lies between
# exp(-4) = 0.02 and exp(2) = 7.4: wide enough for any honest answer, and bounded, so that one
# confident outlier cannot blow a training up.
LOG_VARIANCE_RANGE = (-8.0, 4.0)

# Targets that were scaled to 0 and 1; None for classification.
Range = tuple[float, float] | None


class Likelihood(ABC):
    """p(y | outputs of one predictor), and the mixture over predictors."""

    task: ClassVar[str]

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """C, the outputs of one predictor."""

    @abstractmethod
    def log_prob(self, outputs_XC: Tensor, y_X: Tensor) -> Tensor:
        """Log-probability (or density) of the targets, in nats.

        Args:
            outputs_XC: raw outputs, any leading shape X.
            y_X: targets, a shape that broadcasts to X.

        Returns:
            Shape X.
        """

    @abstractmethod
    def members(self, outputs_BMC: Tensor) -> Tensor:
        """Each predictor's own predictive parameters, shape (B, M, C)."""

    @abstractmethod
    def mix(self, outputs_BMC: Tensor, weights_M: Tensor) -> Tensor:
        """Parameters of the mixture of the M predictives with weights that sum to 1, (B, C)."""

    @abstractmethod
    def exported(self, mixed_BC: Tensor, target_range: Range) -> dict[str, Tensor]:
        """What an exported network puts out, by name, in the units of the data.

        Args:
            mixed_BC: the mixture's parameters, see :meth:`mix`.
            target_range: regression: the targets that were scaled to 0 and 1.
        """

    @abstractmethod
    def mixed(self, exported: Mapping[str, Tensor], target_range: Range) -> Tensor:
        """The mixture's parameters (B, C) again: the inverse of :meth:`exported`."""


class Categorical(Likelihood):
    """Classification: outputs are logits; members and mixture are log-probabilities.

    Args:
        n_classes: C, at least 2.
    """

    task = "classification"

    def __init__(self, n_classes: int) -> None:
        if n_classes < 2:
            raise ValueError(f"n_classes={n_classes}: must be >= 2")
        self._n_classes = n_classes

    @property
    def n_outputs(self) -> int:
        return self._n_classes

    def log_prob(self, outputs_XC: Tensor, y_X: Tensor) -> Tensor:
        y_X = y_X.expand(outputs_XC.shape[:-1])
        flat = F.cross_entropy(outputs_XC.flatten(0, -2), y_X.flatten(), reduction="none")
        return -flat.view(y_X.shape)

    def members(self, outputs_BMC: Tensor) -> Tensor:
        return F.log_softmax(outputs_BMC, dim=-1)

    def mix(self, outputs_BMC: Tensor, weights_M: Tensor) -> Tensor:
        # Probabilities are averaged, never logits; in log space, so nothing underflows.
        return torch.logsumexp(self.members(outputs_BMC) + weights_M.log()[:, None], dim=1)

    def exported(self, mixed_BC: Tensor, target_range: Range) -> dict[str, Tensor]:
        # Logarithms too: in float32 a probability next to 1 is 1, and below 1e-45 it is 0.
        return {"probabilities": mixed_BC.exp(), "log_probabilities": mixed_BC}

    def mixed(self, exported: Mapping[str, Tensor], target_range: Range) -> Tensor:
        return exported["log_probabilities"]


class Gaussian(Likelihood):
    """Regression: outputs are a mean and a raw log-variance; parameters are mean, log-variance.

    The log-variance is bounded smoothly to LOG_VARIANCE_RANGE. ``mix`` gives the Gaussian with the
    mixture's exact mean and variance (law of total variance); the exact mixture density needs the
    members.
    """

    task = "regression"

    @property
    def n_outputs(self) -> int:
        return 2

    def log_prob(self, outputs_XC: Tensor, y_X: Tensor) -> Tensor:
        y_X = y_X.expand(outputs_XC.shape[:-1])
        mean_X, log_variance_X = self.members(outputs_XC).unbind(-1)
        squared_X = (y_X - mean_X) ** 2 * torch.exp(-log_variance_X)
        return -0.5 * (squared_X + log_variance_X + math.log(2 * math.pi))

    def members(self, outputs_BMC: Tensor) -> Tensor:
        low, high = LOG_VARIANCE_RANGE
        middle, half = (low + high) / 2, (high - low) / 2
        mean, raw = outputs_BMC.unbind(-1)
        return torch.stack((mean, middle + half * torch.tanh(raw / half)), dim=-1)

    def mix(self, outputs_BMC: Tensor, weights_M: Tensor) -> Tensor:
        mean_BM, log_variance_BM = self.members(outputs_BMC).unbind(-1)
        mean_B = mean_BM @ weights_M
        variance_B = (log_variance_BM.exp() + (mean_BM - mean_B[:, None]) ** 2) @ weights_M
        return torch.stack((mean_B, variance_B.log()), dim=-1)

    def exported(self, mixed_BC: Tensor, target_range: Range) -> dict[str, Tensor]:
        low, high = target_range or (0.0, 1.0)
        mean_B, log_variance_B = mixed_BC.unbind(-1)
        scale = high - low
        return {"mean": low + scale * mean_B, "variance": scale**2 * log_variance_B.exp()}

    def mixed(self, exported: Mapping[str, Tensor], target_range: Range) -> Tensor:
        low, high = target_range or (0.0, 1.0)
        scale = high - low
        mean_B, variance_B = (exported["mean"] - low) / scale, exported["variance"] / scale**2
        return torch.stack((mean_B, variance_B.log()), dim=-1)


def likelihood_for(task: str, n_classes: int) -> Likelihood:
    """The likelihood of a task; ``n_classes`` counts for classification only."""
    table = {"classification": lambda: Categorical(n_classes), "regression": Gaussian}
    if task not in table:
        raise ValueError(f"task={task!r}: choices: {', '.join(table)}")
    return table[task]()
