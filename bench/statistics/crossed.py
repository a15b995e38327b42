"""Intervals and p values of a mean over seeds crossed with test examples: both are samples.

The model is y[s, b] = mean + seed[s] + example[b] + rest[s, b]: the networks of all seeds are
tested on the same images. The variance of the mean then has two parts, each with degrees of freedom
of its own: one of the seeds (how much their means differ) and one of the examples (what all seeds
find hard together). Letters: S seeds, G groups of examples (`bench.statistics.influence`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from bench.metrics.predictive import FloatArray

LEVEL = 0.95
# Below, a p value would rest on one or two numbers.
FEWEST_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Component:
    """One independent part of a mean's variance, and its degrees of freedom."""

    variance: float
    df: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds and examples, or a contrast of such means.

    Attributes:
        value: the mean; NaN if a seed has none.
        components: of its variance; NaN variances if it is unknown.
        n_seeds: the seeds behind it; 1: the variance is that of the examples alone.
    """

    value: float
    components: tuple[Component, ...]
    n_seeds: int

    def half_width(self, level: float = LEVEL) -> float:
        """Half the two-sided interval: sqrt(sum of t_i^2 V_i), t_i of df_i; NaN if unknown.

        Banerjee (1960, "Approximate confidence interval for linear functions of means of k
        populations when the population variances are not equal", Sankhya 22): it holds the truth
        with at least this probability, however the parts relate. Satterthwaite's degrees of freedom
        give a shorter interval that is right on average over them and wrong where few seeds happen
        to agree (`perf/coverage.py`).
        """
        return math.sqrt(sum(_t(c.df, level) ** 2 * c.variance for c in self.components))

    def interval(
        self, level: float = LEVEL, bounds: tuple[float, float] = (-math.inf, math.inf)
    ) -> tuple[float, float]:
        """The two-sided interval, cut to what is possible; NaN if unknown."""
        half = self.half_width(level)
        if not (math.isfinite(self.value) and math.isfinite(half)):
            return math.nan, math.nan
        low, high = np.clip([self.value - half, self.value + half], *bounds)
        return float(low), float(high)

    @property
    def p(self) -> float:
        """Two-sided p value of a value of 0, by inverting the interval.

        NaN if unknown, and with fewer than `FEWEST_SEEDS` seeds.
        """
        if self.n_seeds < FEWEST_SEEDS or math.isnan(self.interval()[0]):
            return math.nan
        if self.value == 0:
            return 1.0
        if self.half_width() == 0:
            return 0.0
        if abs(self.value) >= self.half_width(1 - _SMALLEST):
            return _SMALLEST
        return float(brentq(lambda p: self.half_width(1 - p) - abs(self.value), _SMALLEST, 1.0))

    def detectable(self, level: float = LEVEL) -> float:
        """How far from a bound the truth has to lie for an interval that mostly excludes it.

        Half the interval and a standard error: then four in five studies like this one decide.
        """
        return self.half_width(level) + math.sqrt(sum(c.variance for c in self.components))


_SMALLEST = 1e-12


def _t(df: int, level: float) -> float:
    return float(stdtrit(df, (1 + level) / 2))


def estimate(values_S: Sequence[float] | FloatArray, influence_SG: FloatArray) -> Estimate:
    """The mean over seeds with its two components of variance.

    Args:
        values_S: the value of each seed.
        influence_SG: the influence of each group of examples on each value, in the value's unit;
            rows have mean 0. NaN where it is unknown.
    """
    values = np.asarray(values_S, dtype=np.float64)
    n_seeds, n_groups = influence_SG.shape
    value = float(values.mean()) if n_seeds else math.nan
    if n_seeds == 0 or not np.isfinite(value) or n_groups < 2:
        unknown = (Component(variance=math.nan, df=1),)
        return Estimate(value=value, components=unknown, n_seeds=n_seeds)
    images, shared = _example_variances(influence_SG)
    if n_seeds == 1:
        of_images = Component(variance=images, df=n_groups - 1)
        return Estimate(value=value, components=(of_images,), n_seeds=1)
    seeds = Component(variance=float(values.var(ddof=1)) / n_seeds, df=n_seeds - 1)
    # New networks can only add to how much these very networks vary over images: seeds that agree
    # by luck must not leave less.
    examples = Component(
        variance=float(np.maximum(shared, images - seeds.variance)), df=n_groups - 1
    )
    return Estimate(value=value, components=(seeds, examples), n_seeds=n_seeds)


def _example_variances(influence_SG: FloatArray) -> tuple[float, float]:
    """The variance of the mean over these networks that examples cause, and the part all share.

    The second is (MS_examples - MS_rest) / (S G) of the two-way analysis of variance, at least 0:
    the mean covariance of two different seeds over groups, divided by G. What examples do to each
    seed apart is part of how the seeds differ.
    """
    n_seeds, n_groups = influence_SG.shape
    centred = influence_SG - influence_SG.mean(axis=1, keepdims=True)
    of_mean = float(np.square(centred.mean(axis=0)).sum()) / (n_groups - 1)
    if n_seeds == 1:
        return of_mean / n_groups, of_mean / n_groups
    of_each = float(np.square(centred).sum()) / (n_groups - 1)
    shared = (n_seeds**2 * of_mean - of_each) / (n_seeds * (n_seeds - 1))
    return of_mean / n_groups, float(np.maximum(shared, 0)) / n_groups  # NaN stays
