"""Reliability curves: what was predicted against how often it came true, over seeds and shifts.

Letters: B images, K points of the curve (bins of confidence, or levels of coverage).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import beta

from bench.metrics.calibration import (
    COVERAGE_LEVELS,
    N_BINS,
    equal_width_bins,
    standardised_residuals,
    top_label,
)
from bench.metrics.predictive import FloatArray, Predictive
from bench.statistics.crossed import LEVEL


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Sums over several predictions of the same images.

    Attributes:
        count_BK: how often an image was predicted into a bin (regression: was predicted at all).
        stated_BK: sum of the confidences with which it was (regression: of the nominal levels).
        hit_BK: how often the prediction was right (regression: the interval held the target).
    """

    count_BK: FloatArray
    stated_BK: FloatArray
    hit_BK: FloatArray

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            count_BK=self.count_BK + other.count_BK,
            stated_BK=self.stated_BK + other.stated_BK,
            hit_BK=self.hit_BK + other.hit_BK,
        )


def tally(predictives: Iterable[Predictive]) -> Tally:
    """The sums over predictions of the same images: seeds, corruptions, severities.

    Raises:
        ValueError: There are none, or they are not of the same number of images.
    """
    total: Tally | None = None
    for predictive in predictives:
        one = _TALLIES[predictive.task](predictive)
        if total is not None and one.count_BK.shape != total.count_BK.shape:
            raise ValueError(
                f"predictions are of {len(one.count_BK)} and {len(total.count_BK)} images; the "
                "rule is one set of images a curve"
            )
        total = one if total is None else total + one
    if total is None:
        raise ValueError("no predictions; the rule is at least one")
    return total


def curve(total: Tally) -> pd.DataFrame:
    """The reliability curve with intervals.

    The interval is Jeffreys' (Brown, Cai, DasGupta 2001) at 95%, for as many trials as there are
    distinct images behind a point. An image counts once, however many seeds and corruptions put it
    there: they are no further images, and the mean of its outcomes varies at most as much as one.

    Returns:
        A row per point with any prediction, columns: point (k, from 0), stated (mean confidence of
        the bin, or nominal level), observed (accuracy, or empirical coverage), low, high, share (of
        all predictions that are in the bin), images.
    """
    count_K = total.count_BK.sum(axis=0)
    filled = count_K > 0
    images_K = (total.count_BK > 0).sum(axis=0)[filled]
    observed_K = total.hit_BK.sum(axis=0)[filled] / count_K[filled]
    low_K, high_K = _jeffreys(observed_K * images_K, images_K)
    return pd.DataFrame(
        {
            "point": np.flatnonzero(filled),
            "stated": total.stated_BK.sum(axis=0)[filled] / count_K[filled],
            "observed": observed_K,
            "low": low_K,
            "high": high_K,
            "share": count_K[filled] / count_K.sum(),
            "images": images_K,
        }
    )


def _jeffreys(hits_K: FloatArray, trials_K: FloatArray) -> tuple[FloatArray, FloatArray]:
    misses_K = trials_K - hits_K
    tail = (1 - LEVEL) / 2
    # No hit at all leaves 0 possible, no miss leaves 1 possible.
    low_K = np.where(hits_K > 0, beta.ppf(tail, hits_K + 0.5, misses_K + 0.5), 0.0)
    high_K = np.where(misses_K > 0, beta.ppf(1 - tail, hits_K + 0.5, misses_K + 0.5), 1.0)
    return low_K, high_K


def _confidences(predictive: Predictive) -> Tally:
    """Top label, in the bins that ECE has."""
    confidence_B, _, correct_B = top_label(predictive)
    member_BK = np.eye(N_BINS)[equal_width_bins(confidence_B)]
    return Tally(
        count_BK=member_BK,
        stated_BK=member_BK * confidence_B[:, None],
        hit_BK=member_BK * correct_B[:, None],
    )


def _coverages(predictive: Predictive) -> Tally:
    """Central intervals of the moment-matched Gaussian, at the levels of the coverage error."""
    z_B = np.abs(standardised_residuals(predictive))
    covered_BK = z_B[:, None] <= ndtri((1 + COVERAGE_LEVELS) / 2)
    return Tally(
        count_BK=np.ones(covered_BK.shape),
        stated_BK=np.broadcast_to(COVERAGE_LEVELS, covered_BK.shape),
        hit_BK=covered_BK.astype(float),
    )


_TALLIES: dict[str, Callable[[Predictive], Tally]] = {
    "classification": _confidences,
    "regression": _coverages,
}
