"""How good are the predictions? Scores of one split against its targets."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from bench.calibration import label_nll, standardised_residuals
from bench.predictive import FloatArray, Predictive


def accuracy(predictive: Predictive) -> float:
    """Share of samples whose most probable class is the label, in [0, 1]."""
    return float((predictive.mixed_BC.argmax(axis=1) == predictive.y_B).mean())


def macro_f1(predictive: Predictive) -> float:
    """F1 averaged over the classes that are predicted or occur; the rest has none (0 / 0)."""
    n_classes = predictive.mixed_BC.shape[1]
    y_B = predictive.y_B.astype(np.int64)
    predicted_B = predictive.mixed_BC.argmax(axis=1)
    hits_C = np.bincount(y_B[predicted_B == y_B], minlength=n_classes)
    # 2 TP + FP + FN = times predicted + times occurring
    seen_C = np.bincount(predicted_B, minlength=n_classes) + np.bincount(y_B, minlength=n_classes)
    return float(np.mean(2 * hits_C[seen_C > 0] / seen_C[seen_C > 0]))


def _rank_auc(score_B: FloatArray, positive_B: npt.NDArray[np.bool_]) -> float:
    """P(score of a positive > score of a negative), ties count half; NaN without both kinds."""
    if positive_B.all() or not positive_B.any():
        return math.nan
    negatives = np.sort(score_B[~positive_B])
    positives = score_B[positive_B]
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def auroc(predictive: Predictive) -> float:
    """Area under the ROC curve, in [0, 1]; NaN if a single class occurs.

    Binary: of class 1. Otherwise one-vs-rest, averaged over the classes that occur. Ranks
    log-probabilities, whose order is that of probabilities without their underflow.
    """
    if predictive.mixed_BC.shape[1] == 2:
        return _rank_auc(predictive.mixed_BC[:, 1], predictive.y_B == 1)
    areas = [
        _rank_auc(predictive.mixed_BC[:, label], predictive.y_B == label)
        for label in np.unique(predictive.y_B)
    ]
    return float(np.mean(areas))


def nll(predictive: Predictive) -> float:
    """Mean negative log-likelihood of the labels, in nats; inf if one has probability 0."""
    return label_nll(predictive.mixed_BC, predictive.y_B)


def brier(predictive: Predictive) -> float:
    """Squared distance to the one-hot label summed over classes, in [0, 2] (Brier 1950)."""
    one_hot_BC = predictive.y_B[:, None] == np.arange(predictive.mixed_BC.shape[1])
    return float(np.square(np.exp(predictive.mixed_BC) - one_hot_BC).sum(axis=1).mean())


def mse(predictive: Predictive) -> float:
    """Mean squared error of the predictive mean, in squared target units."""
    return float(np.square(predictive.y_B - predictive.mixed_BC[:, 0]).mean())


def mae(predictive: Predictive) -> float:
    """Mean absolute error of the predictive mean, in target units."""
    return float(np.abs(predictive.y_B - predictive.mixed_BC[:, 0]).mean())


def gaussian_nll(predictive: Predictive) -> float:
    """Mean NLL of the moment-matched Gaussian, in nats, 0.5 log(2 pi) included."""
    z2_B = np.square(standardised_residuals(predictive))
    return float(0.5 * (math.log(2 * math.pi) + predictive.mixed_BC[:, 1] + z2_B).mean())


def mixture_nll(predictive: Predictive) -> float:
    """Mean NLL of the exact Gaussian mixture over members, in nats, 0.5 log(2 pi) included."""
    mean_BM, log_variance_BM = predictive.members_BMC[..., 0], predictive.members_BMC[..., 1]
    z2_BM = np.square(predictive.y_B[:, None] - mean_BM) * np.exp(-log_variance_BM)
    log_density_BM = -0.5 * (math.log(2 * math.pi) + log_variance_BM + z2_BM)
    return float(-np.mean(logsumexp(log_density_BM, axis=1, b=predictive.weights_M)))
