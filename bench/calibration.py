"""Do the predicted probabilities mean what they say? Calibration errors and temperature scaling."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, ndtri

from bench.predictive import FloatArray, IntArray, Predictive

N_BINS = 15
COVERAGE_LEVELS = np.arange(1, 10) / 10
# T from 0.0067 to 148. A split without a single error has its optimum at T = 0 and one that is no
# better than chance at infinity: there the bound is the answer.
LOG_TEMPERATURE_RANGE = (-5.0, 5.0)

BoolArray = npt.NDArray[np.bool_]


def equal_width_bins(confidence_B: FloatArray) -> npt.NDArray[np.intp]:
    """Bin index in [0, N_BINS) of each confidence; bins are (lo, hi] and 0 joins the first."""
    return np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], confidence_B, side="left")


def equal_mass_bins(confidence_B: FloatArray) -> npt.NDArray[np.intp]:
    """Bin index in [0, N_BINS) of each confidence; each bin holds about B / N_BINS samples.

    Edges are order statistics, so that equal confidences always share a bin and the result does not
    depend on the order of the samples. With many ties some bins are empty.
    """
    n_samples = len(confidence_B)
    last = -(-np.arange(1, N_BINS) * n_samples // N_BINS) - 1  # ceil(k * B / N_BINS) - 1
    return np.searchsorted(np.sort(confidence_B)[last], confidence_B, side="left")


def binned_gap(
    confidence_B: FloatArray, correct_B: BoolArray, bins_B: npt.NDArray[np.intp]
) -> float:
    """Mean over samples of their bin's |accuracy - mean confidence|, in [0, 1].

    sum_b (n_b / B) |acc_b - conf_b| = sum_b |sum of (correct - confidence) in b| / B, which needs
    no rule for empty bins.
    """
    gap = np.bincount(bins_B, weights=correct_B - confidence_B)
    return float(np.abs(gap).sum() / len(confidence_B))


def _top_label(predictive: Predictive) -> tuple[FloatArray, IntArray, BoolArray]:
    predicted_B = predictive.mixed_BC.argmax(axis=1)
    confidence_B = np.exp(predictive.mixed_BC.max(axis=1))
    return confidence_B, predicted_B, predicted_B == predictive.y_B


def ece(predictive: Predictive) -> float:
    """Expected calibration error of the top label, 15 equal-width bins (Guo et al. 2017)."""
    confidence_B, _, correct_B = _top_label(predictive)
    return binned_gap(confidence_B, correct_B, equal_width_bins(confidence_B))


def adaptive_ece(predictive: Predictive) -> float:
    """As `ece`, with 15 bins of equal mass (Nguyen & O'Connor 2015)."""
    confidence_B, _, correct_B = _top_label(predictive)
    return binned_gap(confidence_B, correct_B, equal_mass_bins(confidence_B))


def cc_ece(predictive: Predictive) -> float:
    """Class-conditional ECE: `ece` of the samples predicted as a class, averaged over classes.

    Each class that is predicted at all counts once, however rare; the others are left out
    (Ferianc et al. 2024).
    """
    confidence_B, predicted_B, correct_B = _top_label(predictive)
    errors = []
    for label in np.unique(predicted_B):
        of_class_B = predicted_B == label
        confidence = confidence_B[of_class_B]
        errors.append(binned_gap(confidence, correct_B[of_class_B], equal_width_bins(confidence)))
    return float(np.mean(errors))


def classwise_ece(predictive: Predictive) -> float:
    """Static calibration error (Nixon et al. 2019): one-vs-rest ECE of p_c, averaged over all C."""
    p_BC = np.exp(predictive.mixed_BC)
    errors = [
        binned_gap(p_B, predictive.y_B == label, equal_width_bins(p_B))
        for label, p_B in enumerate(p_BC.T)
    ]
    return float(np.mean(errors))


def standardised_residuals(predictive: Predictive) -> FloatArray:
    """(y - mean) / standard deviation of the moment-matched Gaussian, shape (B,)."""
    mean_B, log_variance_B = predictive.mixed_BC.T
    return np.asarray((predictive.y_B - mean_B) * np.exp(-0.5 * log_variance_B), dtype=np.float64)


def coverage_error(predictive: Predictive) -> float:
    """Mean |empirical - nominal| coverage of the central 10%, ..., 90% intervals, in [0, 0.5].

    The intervals are those of the moment-matched Gaussian.
    """
    z_B = np.abs(standardised_residuals(predictive))
    half_widths = ndtri((1 + COVERAGE_LEVELS) / 2)
    covered = (z_B[:, None] <= half_widths).mean(axis=0)
    return float(np.abs(covered - COVERAGE_LEVELS).mean())


def label_nll(log_p_BC: FloatArray, y_B: npt.NDArray[np.generic]) -> float:
    """Mean negative log-probability of the labels, in nats."""
    return float(-np.take_along_axis(log_p_BC, y_B.astype(np.int64)[:, None], axis=1).mean())


@dataclass(frozen=True, kw_only=True)
class _Scaling:
    """How one task fits a temperature and applies it to `mixed_BC`."""

    fit: Callable[[Predictive], float]
    apply: Callable[[FloatArray, float], FloatArray]


def _scale_logits(mixed_BC: FloatArray, temperature: float) -> FloatArray:
    return np.asarray(log_softmax(mixed_BC / temperature, axis=1), dtype=np.float64)


def _fit_logits(predictive: Predictive) -> float:
    def nll(temperature: float) -> float:
        return label_nll(_scale_logits(predictive.mixed_BC, temperature), predictive.y_B)

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
