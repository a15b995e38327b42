"""Builders of small Predictives for the metric tests."""

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from bench.metrics.predictive import Predictive


def of_log_probabilities(log_p_BC: npt.ArrayLike, y_B: npt.ArrayLike) -> Predictive:
    """A single classifier."""
    mixed_BC = np.asarray(log_p_BC, dtype=np.float64)
    return Predictive(
        task="classification",
        mixed_BC=mixed_BC,
        members_BMC=mixed_BC[:, None],
        weights_M=np.ones(1),
        y_B=np.asarray(y_B),
    )


def of_probabilities(p_BC: npt.ArrayLike, y_B: npt.ArrayLike) -> Predictive:
    """A single classifier; probabilities of 0 become -inf."""
    with np.errstate(divide="ignore"):
        return of_log_probabilities(np.log(np.asarray(p_BC)), y_B)


def of_gaussians(
    mean_B: npt.ArrayLike, variance_B: npt.ArrayLike, y_B: npt.ArrayLike
) -> Predictive:
    """A single regressor."""
    mixed_BC = np.stack([np.asarray(mean_B), np.log(variance_B)], axis=1)
    return Predictive(
        task="regression",
        mixed_BC=mixed_BC,
        members_BMC=mixed_BC[:, None],
        weights_M=np.ones(1),
        y_B=np.asarray(y_B),
    )


def sharp_classifier(n_samples: int = 500, n_classes: int = 4) -> Predictive:
    """Labels drawn from the softmax of the logits; predictions from twice the logits."""
    rng = np.random.default_rng(0)
    logits_BC = rng.normal(size=(n_samples, n_classes))
    y_B = (logits_BC + rng.gumbel(size=logits_BC.shape)).argmax(axis=1)
    return of_log_probabilities(log_softmax(2 * logits_BC, axis=1), y_B)


def mixed_regressor() -> Predictive:
    """Three weighted members; the mixture moment-matched by the law of total variance."""
    rng = np.random.default_rng(0)
    mean_BM, variance_BM = rng.normal(size=(30, 3)), rng.uniform(0.1, 2, size=(30, 3))
    weights_M = np.array([0.2, 0.3, 0.5])
    mean_B = mean_BM @ weights_M
    variance_B = (variance_BM + mean_BM**2) @ weights_M - mean_B**2
    return Predictive(
        task="regression",
        mixed_BC=np.stack([mean_B, np.log(variance_B)], axis=1),
        members_BMC=np.stack([mean_BM, np.log(variance_BM)], axis=2),
        weights_M=weights_M,
        y_B=rng.normal(size=30),
    )


# Predicted 0, 1, 1, 2 with confidence .7, .6, .5, .8: all but the third are right.
HAND = of_probabilities(
    [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], [0, 1, 2, 2]
)
