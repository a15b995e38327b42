"""The hierarchical paired bootstrap: seeds are drawn, and test examples within them.

Replicate r draws seeds with replacement, and how often it holds each example. The draws of examples
are the same for every configuration, method and seed of a dataset, and the draws of seeds the same
for configurations with the same seeds: what two configurations have in common (hard images, a
lucky seed) then cancels in their difference. All draws follow from names, so that a repeated
analysis gives the same numbers. R is resamples here, S seeds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.metrics.predictive import FloatArray

N_RESAMPLES = 1000
LEVEL = 0.95


def generator(*identity: object) -> np.random.Generator:
    """Random numbers that follow from names, so that they are the same in every analysis."""
    digest = hashlib.sha256(json.dumps(identity).encode()).digest()
    return np.random.default_rng(list(digest))


def _balanced(
    rng: np.random.Generator, n: int, n_drawn: int, n_resamples: int
) -> npt.NDArray[np.int32]:
    """Draws with replacement, (R, n_drawn), in which each of n occurs as often as the others.

    The balanced bootstrap (Davison, Hinkley & Schechtman 1986, "Efficient bootstrap simulation"):
    the mean over replicates of any mean of the drawn is the mean of all, without simulation error.
    Where R n_drawn is no multiple of n, some occur once more.
    """
    draws = np.resize(rng.permutation(n).astype(np.int32), n_resamples * n_drawn)
    rng.shuffle(draws)
    return draws.reshape(n_resamples, n_drawn)


def example_counts(
    dataset: str, split: str, n_samples: int, n_resamples: int = N_RESAMPLES
) -> npt.NDArray[np.uint16]:
    """How often each resample holds each sample, shape (R, B); rows sum to B, columns to R."""
    rng = generator("examples", dataset, split, n_samples)
    draws_RB = _balanced(rng, n_samples, n_samples, n_resamples)
    counts = [np.bincount(row, minlength=n_samples).astype(np.uint16) for row in draws_RB]
    return np.stack(counts)


def seed_weights(dataset: str, seeds: Sequence[int], n_resamples: int = N_RESAMPLES) -> FloatArray:
    """The share of each seed in each replicate, shape (R, S); rows sum to 1.

    Of S seeds S - 1 are drawn: the variance over replicates is then s^2 / S, that of a mean of S
    seeds. S draws would show it by the factor (S - 1) / S too small, half as large for two seeds
    (McCarthy & Snowden 1985, "The bootstrap and finite population sampling"). One seed has no
    variance over seeds: it is always drawn.
    """
    n_seeds = len(seeds)
    rng = generator("seeds", dataset, [int(seed) for seed in seeds])
    draws = _balanced(rng, n_seeds, max(1, n_seeds - 1), n_resamples)
    drawn_RS = (draws[:, :, None] == np.arange(n_seeds)).mean(axis=1)
    return np.asarray(drawn_RS, dtype=np.float64)


def over_seeds(values_SR: FloatArray, weights_RS: FloatArray) -> FloatArray:
    """The mean over the drawn seeds in each replicate, shape (R,).

    A value that is not drawn does not count, NaN and infinity included.
    """
    drawn_SR = weights_RS.T > 0
    return np.asarray(
        np.where(drawn_SR, weights_RS.T * np.where(drawn_SR, values_SR, 0), 0).sum(axis=0)
    )


def centred(values_R: FloatArray, estimate: float) -> FloatArray:
    """The replicates that are defined, moved so that their mean is the estimate.

    A resample holds some examples several times and so adds noise of its own to each bin of a
    calibration error: its ECE lies above the split's, by about what the split's lies above that of
    infinitely many examples. Unmoved, the interval would not hold its estimate. Means of examples
    (accuracy, NLL) are not moved: the draws are balanced.
    """
    defined_R = values_R[np.isfinite(values_R)]
    return np.asarray(defined_R - defined_R.mean() + estimate) if len(defined_R) else defined_R


def interval(
    values_R: FloatArray, estimate: float, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float]:
    """The central 95% of the centred replicates, cut to what is possible; NaN if undefined."""
    moved_R = centred(values_R, estimate)
    if not (np.isfinite(estimate) and len(moved_R)):
        return float("nan"), float("nan")
    low, high = np.clip(np.quantile(moved_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]), *bounds)
    return float(low), float(high)


def p_value(values_R: FloatArray, estimate: float) -> float:
    """Two-sided p value of a difference being 0, from its centred replicates; NaN if undefined.

    Twice the smaller share of replicates on a side of 0, each side counting one more than it has
    (Davison & Hinkley 1997, section 4.2): at least 2 / (R + 1), never 0.
    """
    moved_R = centred(values_R, estimate)
    if not (np.isfinite(estimate) and len(moved_R)):
        return float("nan")
    smaller = min(int((moved_R <= 0).sum()), int((moved_R >= 0).sum()))
    return min(1.0, 2 * (1 + smaller) / (1 + len(moved_R)))
