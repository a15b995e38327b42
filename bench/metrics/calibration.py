"""Do the predicted probabilities mean what they say? Calibration errors and temperature scaling."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, ndtri

from bench.metrics.predictive import FloatArray, IntArray, Predictive
from bench.metrics.weighted import group_sums, weighted_metric

N_BINS = 15
_EDGES = np.linspace(0, 1, N_BINS + 1)[1:-1]
COVERAGE_LEVELS = np.arange(1, 10) / 10
# T from 0.0067 to 148. A split without a single error has its optimum at T = 0 and one that is no
# better than chance at infinity: there the bound is the answer.
LOG_TEMPERATURE_RANGE = (-5.0, 5.0)

BoolArray = npt.NDArray[np.bool_]


def equal_width_bins(confidence_B: FloatArray) -> npt.NDArray[np.intp]:
    """Bin index in [0, N_BINS) of each confidence; bins are (lo, hi] and 0 joins the first."""
    return np.searchsorted(_EDGES, confidence_B, side="left")


def bin_gaps(
    sample_weight_RB: FloatArray, gap_BJ: FloatArray, bins_BJ: npt.NDArray[np.intp], n_bins: int
) -> FloatArray:
    """|Sum of (correct - confidence)| over the samples of each bin, shape (R, n_bins).

    sum_b (n_b / B) |acc_b - conf_b| = sum_b |sum of (correct - confidence) in b| / B, which needs
    no rule for empty bins.
    """
    return np.abs(group_sums(sample_weight_RB, bins_BJ, n_bins, gap_BJ))


def top_label(predictive: Predictive) -> tuple[FloatArray, IntArray, BoolArray]:
    """Confidence, predicted class and whether it is right, each of shape (B,)."""
    predicted_B = predictive.mixed_BC.argmax(axis=1)
    confidence_B = np.exp(predictive.mixed_BC.max(axis=1))
    return confidence_B, predicted_B, predicted_B == predictive.y_B


@weighted_metric(0, 1)
def ece(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Expected calibration error of the top label, 15 equal-width bins (Guo et al. 2017)."""
    confidence_B, _, correct_B = top_label(predictive)
    bins_B1 = equal_width_bins(confidence_B)[:, None]
    sums_RG = bin_gaps(sample_weight_RB, (correct_B - confidence_B)[:, None], bins_B1, N_BINS)
    return np.asarray(sums_RG.sum(axis=1) / sample_weight_RB.sum(axis=1), dtype=np.float64)


@weighted_metric(0, 1)
def cc_ece(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Class-conditional ECE: `ece` of the samples predicted as a class, averaged over classes.

    Each class that is predicted at all counts once, however rare; the others are left out.
    """
    errors_RC, occurs_RC = _ece_by_class(predictive, sample_weight_RB)
    return np.asarray(errors_RC.sum(axis=1) / occurs_RC.sum(axis=1), dtype=np.float64)


@weighted_metric(0, 1)
def cc_ece_all(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """The same with classes that are never predicted counted as errors of 0.

    As the code of Ferianc et al. 2024: the sum is divided by all C classes, so that predicting few
    of them lowers the value.
    """
    errors_RC, _ = _ece_by_class(predictive, sample_weight_RB)
    return np.asarray(errors_RC.mean(axis=1), dtype=np.float64)


def _ece_by_class(
    predictive: Predictive, sample_weight_RB: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """`ece` of the samples predicted as each class, 0 where there are none; are there any."""
    n_classes = predictive.mixed_BC.shape[1]
    confidence_B, predicted_B, correct_B = top_label(predictive)
    bins_B1 = (predicted_B * N_BINS + equal_width_bins(confidence_B))[:, None]
    gap_B1 = (correct_B - confidence_B)[:, None]
    sums_RG = bin_gaps(sample_weight_RB, gap_B1, bins_B1, n_classes * N_BINS)
    sums_RC = sums_RG.reshape(len(sample_weight_RB), n_classes, N_BINS).sum(axis=2)
    predicted_RC = group_sums(sample_weight_RB, predicted_B[:, None], n_classes)
    return sums_RC / np.maximum(predicted_RC, 1), predicted_RC > 0


@weighted_metric(0, 1)
def classwise_ece(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Static calibration error (Nixon et al. 2019): one-vs-rest ECE of p_c, averaged over all C."""
    n_classes = predictive.mixed_BC.shape[1]
    p_BC = np.exp(predictive.mixed_BC)
    bins_BC = equal_width_bins(p_BC) + N_BINS * np.arange(n_classes)
    gap_BC = (predictive.y_B[:, None] == np.arange(n_classes)) - p_BC
    sums_RG = bin_gaps(sample_weight_RB, gap_BC, bins_BC, n_classes * N_BINS)
    totals_R = sample_weight_RB.sum(axis=1) * n_classes
    return np.asarray(sums_RG.sum(axis=1) / totals_R, dtype=np.float64)


def standardised_residuals(predictive: Predictive) -> FloatArray:
    """(y - mean) / standard deviation of the moment-matched Gaussian, shape (B,)."""
    mean_B, log_variance_B = predictive.mixed_BC.T
    return np.asarray((predictive.y_B - mean_B) * np.exp(-0.5 * log_variance_B), dtype=np.float64)


@weighted_metric(0, 0.5)
def coverage_error(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean |empirical - nominal| coverage of the central 10%, ..., 90% intervals, in [0, 0.5].

    The intervals are those of the moment-matched Gaussian.
    """
    z_B = np.abs(standardised_residuals(predictive))
    half_widths = ndtri((1 + COVERAGE_LEVELS) / 2)
    inside = (z_B[:, None] <= half_widths).astype(np.float64)  # (B, levels)
    covered = (sample_weight_RB @ inside) / sample_weight_RB.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(covered - COVERAGE_LEVELS).mean(axis=1), dtype=np.float64)


def label_nll(log_p_BC: FloatArray, y_B: npt.NDArray[np.generic]) -> FloatArray:
    """Negative log-probability of each label, in nats, shape (B,)."""
    return -np.take_along_axis(log_p_BC, y_B.astype(np.int64)[:, None], axis=1)[:, 0]


@dataclass(frozen=True, kw_only=True)
class _Scaling:
    """How one task fits a temperature and applies it to `mixed_BC`."""

    fit: Callable[[Predictive], float]
    apply: Callable[[FloatArray, float], FloatArray]


def _scale_logits(mixed_BC: FloatArray, temperature: float) -> FloatArray:
    return np.asarray(log_softmax(mixed_BC / temperature, axis=1), dtype=np.float64)


def _fit_logits(predictive: Predictive) -> float:
    def nll(temperature: float) -> float:
        log_p_BC = _scale_logits(predictive.mixed_BC, temperature)
        return float(label_nll(log_p_BC, predictive.y_B).mean())

    # The NLL is convex in 1 / T, hence has one minimum in log T too.
    found = minimize_scalar(
        lambda log_temperature: nll(math.exp(log_temperature)),
        bounds=LOG_TEMPERATURE_RANGE,
        method="bounded",
        options={"xatol": 1e-6},
    )
    # The search stops within its tolerance of the optimum, and anywhere if no T matters: never
    # answer worse than no scaling, and no scaling on a tie.
    return min(1.0, math.exp(found.x), key=nll)


def _scale_variance(mixed_BC: FloatArray, temperature: float) -> FloatArray:
    scaled_BC: FloatArray = mixed_BC + np.array([0.0, math.log(temperature)])
    return scaled_BC


def _fit_variance(predictive: Predictive) -> float:
    scale = float(np.square(standardised_residuals(predictive)).mean())
    if scale == 0:
        raise ValueError(
            "every predicted mean equals its target, so that the best variance scale is 0; fit the "
            "temperature on a split with residuals"
        )
    return scale


_SCALINGS = {
    "classification": _Scaling(fit=_fit_logits, apply=_scale_logits),
    "regression": _Scaling(fit=_fit_variance, apply=_scale_variance),
}


def fit_temperature(predictive: Predictive) -> float:
    """The temperature T > 0 that minimises the NLL of this split; fit it on validation data.

    Classification: of softmax(mixed_BC / T), over log T in `LOG_TEMPERATURE_RANGE` (Guo et al.
    2017, applied to the mixture). An optimum outside the range gives its bound; where no T changes
    the NLL (uniform predictions; an infinite NLL because a true class has probability 0) T = 1.
    Regression: the variance scale mean((y - mean)^2 / variance), the closed-form optimum, unbounded
    (Laves et al. 2020).

    Raises:
        ValueError: regression without any residual.
    """
    return _SCALINGS[predictive.task].fit(predictive)


def at_temperature(predictive: Predictive, temperature: float) -> Predictive:
    """The same predictive with its mixture rescaled; the members stay as they are.

    Classification: softmax(mixed_BC / T). Regression: T multiplies the variance.

    Raises:
        ValueError: a temperature that is not positive and finite.
    """
    if not (0 < temperature < math.inf):
        raise ValueError(f"temperature is {temperature}; it must be positive and finite")
    mixed_BC = _SCALINGS[predictive.task].apply(predictive.mixed_BC, temperature)
    return replace(predictive, mixed_BC=mixed_BC)
