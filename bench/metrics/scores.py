"""How good are the predictions? Scores of one split against its targets, and of its resamples."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from bench.metrics.calibration import label_nll, standardised_residuals
from bench.metrics.predictive import FloatArray, Predictive
from bench.metrics.weighted import group_sums, means, weighted_metric, whole_rows


@weighted_metric(0, 1)
def accuracy(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Share of samples whose most probable class is the label, in [0, 1]."""
    hit_B = predictive.mixed_BC.argmax(axis=1) == predictive.y_B
    return means(sample_weight_RB, hit_B.astype(np.float64))


@weighted_metric(0, 1)
def macro_f1(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """F1 averaged over the classes that are predicted or occur; the rest has none (0 / 0)."""
    n_classes = predictive.mixed_BC.shape[1]
    y_B = predictive.y_B.astype(np.int64)
    predicted_B = predictive.mixed_BC.argmax(axis=1)
    hit_B1 = (predicted_B == y_B).astype(np.float64)[:, None]
    hits_RC = group_sums(sample_weight_RB, y_B[:, None], n_classes, hit_B1)
    # 2 TP + FP + FN = times predicted + times occurring
    seen_RC = group_sums(sample_weight_RB, np.stack([predicted_B, y_B], axis=1), n_classes)
    # A class that is never seen has no hits: 0 / 1 adds nothing to the sum, and it is not counted.
    f1_RC = 2 * hits_RC / np.maximum(seen_RC, 1)
    return np.asarray(f1_RC.sum(axis=1) / (seen_RC > 0).sum(axis=1), dtype=np.float64)


def _rank_areas(
    sample_weight_RB: FloatArray, score_B: FloatArray, positive_B: npt.NDArray[np.bool_]
) -> FloatArray:
    """P(score of a positive > score of a negative), ties count half; NaN without both kinds.

    The positives' distinct scores u_1 < ... < u_P split the line into 2 P + 1 groups: below u_1,
    at u_1, between u_1 and u_2, ...; the samples of each are all that the ranks depend on.
    """
    if 2 * positive_B.sum() > len(positive_B):
        # P(-score of a negative > -score of a positive): the same, with fewer groups.
        return _rank_areas(sample_weight_RB, -score_B, ~positive_B)
    edges_P = np.unique(score_B[positive_B])
    below_B = np.searchsorted(edges_P, score_B, side="left")
    not_above_B = np.searchsorted(edges_P, score_B, side="right")
    groups_B = below_B + not_above_B  # 2 i between, 2 i + 1 at an edge
    negatives_RG = _times(sample_weight_RB, groups_B, 2 * len(edges_P) + 1, ~positive_B)
    positives_RP = _times(sample_weight_RB, groups_B // 2, len(edges_P), positive_B)
    # Twice the negatives below an edge, and those at it once.
    up_to_RG = np.cumsum(negatives_RG, axis=1, dtype=negatives_RG.dtype)
    wins_RP = up_to_RG[:, 0:-1:2] + up_to_RG[:, 1::2]
    pairs_R = positives_RP.sum(axis=1, dtype=np.float64) * up_to_RG[:, -1]
    wins_R = np.einsum("rp,rp->r", positives_RP, wins_RP, dtype=np.float64)
    areas_R = np.full(len(pairs_R), math.nan)
    np.divide(wins_R, 2 * pairs_R, out=areas_R, where=pairs_R > 0)
    return areas_R


def _times(
    sample_weight_RB: FloatArray,
    groups_B: npt.NDArray[np.intp],
    n_groups: int,
    kind_B: npt.NDArray[np.bool_],
) -> npt.NDArray[np.integer]:
    """How often each resample holds samples of a kind in each group, (R, n_groups), by rows."""
    of_kind_RB = sample_weight_RB.T[kind_B].T
    sums_RG = group_sums(of_kind_RB, groups_B[kind_B, None], n_groups)
    return whole_rows(sums_RG, sample_weight_RB)


@weighted_metric(0, 1)
def auroc(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Area under the ROC curve, in [0, 1]; NaN if a single class occurs.

    Binary: of class 1. Otherwise one-vs-rest, averaged over the classes that occur. Ranks
    log-probabilities, whose order is that of probabilities without their underflow.
    """
    n_classes = predictive.mixed_BC.shape[1]
    if n_classes == 2:
        return _rank_areas(sample_weight_RB, predictive.mixed_BC[:, 1], predictive.y_B == 1)
    totals_R, occurring_R = np.zeros(len(sample_weight_RB)), np.zeros(len(sample_weight_RB))
    for label in np.unique(predictive.y_B):
        positive_B = predictive.y_B == label
        areas_R = _rank_areas(sample_weight_RB, predictive.mixed_BC[:, label], positive_B)
        occurs_R = sample_weight_RB[:, positive_B].any(axis=1)
        totals_R += np.where(occurs_R, areas_R, 0)  # NaN stays where the class is the only one
        occurring_R += occurs_R
    return totals_R / occurring_R


@weighted_metric(0, math.inf)
def nll(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean negative log-likelihood of the labels, in nats; inf if one has probability 0."""
    return means(sample_weight_RB, label_nll(predictive.mixed_BC, predictive.y_B))


@weighted_metric(0, 2)
def brier(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Squared distance to the one-hot label summed over classes, in [0, 2] (Brier 1950)."""
    one_hot_BC = predictive.y_B[:, None] == np.arange(predictive.mixed_BC.shape[1])
    return means(sample_weight_RB, np.square(np.exp(predictive.mixed_BC) - one_hot_BC).sum(axis=1))


@weighted_metric(0, math.inf)
def mse(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean squared error of the predictive mean, in squared target units."""
    return means(sample_weight_RB, np.square(predictive.y_B - predictive.mixed_BC[:, 0]))


@weighted_metric(0, math.inf)
def mae(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean absolute error of the predictive mean, in target units."""
    return means(sample_weight_RB, np.abs(predictive.y_B - predictive.mixed_BC[:, 0]))


@weighted_metric(-math.inf, math.inf)
def gaussian_nll(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean NLL of the moment-matched Gaussian, in nats, 0.5 log(2 pi) included."""
    z2_B = np.square(standardised_residuals(predictive))
    return means(sample_weight_RB, 0.5 * (math.log(2 * math.pi) + predictive.mixed_BC[:, 1] + z2_B))


@weighted_metric(-math.inf, math.inf)
def mixture_nll(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Mean NLL of the exact Gaussian mixture over members, in nats, 0.5 log(2 pi) included."""
    mean_BM, log_variance_BM = predictive.members_BMC[..., 0], predictive.members_BMC[..., 1]
    z2_BM = np.square(predictive.y_B[:, None] - mean_BM) * np.exp(-log_variance_BM)
    log_density_BM = -0.5 * (math.log(2 * math.pi) + log_variance_BM + z2_BM)
    return means(sample_weight_RB, -logsumexp(log_density_BM, axis=1, b=predictive.weights_M))
