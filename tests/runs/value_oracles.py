"""Regression metrics by scikit-learn, scipy and plain loops."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.metrics import mean_absolute_error, mean_squared_error

Floats = npt.NDArray[np.float64]
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def gaussians(members_BMC: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Means and variances of the members."""
    parameters_BMC = members_BMC.astype(np.float64)
    return parameters_BMC[..., 0], np.exp(parameters_BMC[..., 1])


def bounded(outputs_BMC: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a network's raw outputs mean: the log-variance is bounded to -8..4 by a tanh."""
    mean_BM, raw_BM = outputs_BMC[..., 0], outputs_BMC[..., 1]
    return np.stack((mean_BM, -2 + 6 * np.tanh(raw_BM / 6)), axis=-1)


def moments(mean_BM: Floats, variance_BM: Floats, weights_M: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the mixture: E[m], E[v + m^2] - E[m]^2."""
    mean_B = np.average(mean_BM, axis=1, weights=weights_M)
    second_B = np.average(variance_BM + mean_BM**2, axis=1, weights=weights_M)
    return mean_B, second_B - mean_B**2


def gaussian_scores(mean_B: Floats, variance_B: Floats, y_B: Floats) -> dict[str, float]:
    """What the moment-matched Gaussian alone decides."""
    std_B = np.sqrt(variance_B)
    gaps = []
    for level in LEVELS:
        low_B, high_B = norm.interval(level, mean_B, std_B)
        gaps.append(abs(np.mean((low_B <= y_B) & (y_B <= high_B)) - level))
    return {
        "mse": mean_squared_error(y_B, mean_B),
        "mae": mean_absolute_error(y_B, mean_B),
        "nll": -float(np.mean(norm.logpdf(y_B, mean_B, std_B))),
        "coverage_error": float(np.mean(gaps)),
    }


def member_scores(
    mean_BM: Floats, variance_BM: Floats, weights_M: Floats, y_B: Floats
) -> dict[str, float]:
    """What needs the members."""
    log_p_BM = norm.logpdf(y_B[:, None], mean_BM, np.sqrt(variance_BM))
    centred_BM = mean_BM - np.average(mean_BM, axis=1, weights=weights_M)[:, None]
    spread_B = np.average(centred_BM**2, axis=1, weights=weights_M)
    return {
        "nll_mixture": float(-logsumexp(log_p_BM, axis=1, b=weights_M).mean()),
        "member_variance": float(spread_B.mean()),
    }


def value_scores(
    members_BMC: npt.NDArray[np.float32],
    weights_M: npt.NDArray[np.float32],
    y_B: npt.NDArray[Any],
    temperature: float,
) -> dict[str, float]:
    """Every metric of a split; a temperature multiplies the variance."""
    share_M, target_B = weights_M.astype(np.float64), y_B.astype(np.float64)
    mean_BM, variance_BM = gaussians(members_BMC)
    share_M = share_M / share_M.sum()
    mean_B, variance_B = moments(mean_BM, variance_BM, share_M)
    scaled = gaussian_scores(mean_B, variance_B * temperature, target_B)
    return {
        **gaussian_scores(mean_B, variance_B, target_B),
        **member_scores(mean_BM, variance_BM, share_M, target_B),
        **{f"{name}_ts": scaled[name] for name in ("nll", "coverage_error")},
    }
