"""How much do the members of an ensemble differ? Zero for a single member."""

import math

import numpy as np

from bench.metrics.predictive import FloatArray, Predictive
from bench.metrics.weighted import means, weighted_metric


@weighted_metric(0, 1)
def disagreement(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Weighted share of pairs of distinct members that predict different classes, in [0, 1]."""
    weights_M = predictive.weights_M
    pairs_MM = np.outer(weights_M, weights_M)
    np.fill_diagonal(pairs_MM, 0)
    if not pairs_MM.any():  # a single member (with weight) has nobody to disagree with
        return np.zeros(len(sample_weight_RB))
    votes_BM = predictive.members_BMC.argmax(axis=2)
    differ_BMM = votes_BM[:, :, None] != votes_BM[:, None, :]
    return means(sample_weight_RB, (differ_BMM * (pairs_MM / pairs_MM.sum())).sum(axis=(1, 2)))


@weighted_metric(0, math.inf)
def mutual_information(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Entropy of the mixture minus the members' weighted mean entropy (BALD), in [0, log M] nats.

    Computed as the equal sum_m w_m KL(member m || mixture), the generalised Jensen-Shannon
    divergence: unlike the difference it does not cancel when the entropies are large (Houlsby et
    al. 2011).
    """
    active_M = predictive.weights_M > 0
    log_p_BMC = predictive.members_BMC[:, active_M]
    # A member's impossible class contributes 0 log 0 = 0, not NaN.
    log_ratio_BMC = np.subtract(
        log_p_BMC,
        predictive.mixed_BC[:, None],
        out=np.zeros_like(log_p_BMC),
        where=log_p_BMC > -np.inf,
    )
    divergence_BM = (np.exp(log_p_BMC) * log_ratio_BMC).sum(axis=2)
    # Rounding of float32 predictions can leave a hair below zero.
    return np.maximum(0, means(sample_weight_RB, divergence_BM @ predictive.weights_M[active_M]))


@weighted_metric(0, math.inf)
def member_variance(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """Weighted variance of the members' means: the mixture's variance that is disagreement."""
    mean_BM = predictive.members_BMC[..., 0]
    deviation_BM = mean_BM - (mean_BM @ predictive.weights_M)[:, None]
    return means(sample_weight_RB, np.square(deviation_BM) @ predictive.weights_M)
