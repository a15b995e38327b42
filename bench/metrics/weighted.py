"""A metric's one formula, with sample weights: a split is every weight 1, a resample is others.

A bootstrap evaluates every metric on thousands of resamples of a split. Written with weights, all
resamples are a few matrix products, and the split itself is the resample in which each sample
occurs once. R is resamples here: `sample_weight_RB[r, b]` is how often resample r holds sample b.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from bench.metrics.predictive import FloatArray, Predictive

# Weights are worked on in blocks of about 16 MiB: several arrays of this size stay in memory, where
# all resamples of 10,000 samples at once would need a hundred times as much.
_BLOCK = 2**21
_DENSE = 20_000  # Numbers in a table of samples by groups that a dense product is faster with.

Formula = Callable[[Predictive, FloatArray], FloatArray]


class WeightedMetric:
    """A metric as a function of a split, and of resamples of it.

    Args:
        formula: (predictive, sample_weight_RB) -> values_R; the weights are float64 and no row is
            all zero.
        bounds: the smallest and the largest value that there can be.
    """

    def __init__(self, formula: Formula, bounds: tuple[float, float]) -> None:
        self._formula = formula
        self.bounds = bounds
        functools.update_wrapper(self, formula)
        del self.__dict__["__wrapped__"]  # its signature is not that of the call

    def __repr__(self) -> str:
        """The call, which `help` shows above the formula's docstring."""
        low, high = self.bounds
        return f"<metric {self._formula.__name__}(predictive) -> float in [{low}, {high}]>"

    def __call__(self, predictive: Predictive) -> float:
        """The metric of the split as it is."""
        return float(self._formula(predictive, np.ones((1, len(predictive.y_B))))[0])

    def resampled(
        self, predictive: Predictive, sample_weight_RB: npt.NDArray[np.generic]
    ) -> FloatArray:
        """The metric of each resample, shape (R,).

        Args:
            predictive: the split.
            sample_weight_RB: how often each resample holds each sample: whole numbers, none
                negative, no row without a sample. Columns that are contiguous float64 are not
                copied.

        Raises:
            ValueError: weights of another shape.
        """
        n_samples = len(predictive.y_B)
        if sample_weight_RB.ndim != 2 or sample_weight_RB.shape[1] != n_samples:
            raise ValueError(
                f"sample_weight_RB has shape {sample_weight_RB.shape}; for {n_samples} samples it "
                f"must be (R, {n_samples})"
            )
        # By columns, which is how `group_sums` reads them.
        values = [
            self._formula(predictive, block_RB.astype(np.float64, order="F", copy=False))
            for block_RB in blocks(sample_weight_RB)
        ]
        return np.concatenate([np.empty(0), *values])


def blocks(sample_weight_RB: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
    """The rows, few enough at a time for the intermediate results of a metric."""
    step = max(1, _BLOCK // sample_weight_RB.shape[1])
    starts = range(0, len(sample_weight_RB), step)
    return (sample_weight_RB[start : start + step] for start in starts)


def weighted_metric(low: float, high: float) -> Callable[[Formula], WeightedMetric]:
    """Make a metric of the formula below, whose values lie in [low, high]."""
    return lambda formula: WeightedMetric(formula, (low, high))


def whole_rows(times_RG: FloatArray, sample_weight_RB: FloatArray) -> npt.NDArray[np.integer]:
    """Numbers of samples as whole numbers by rows, in a type for twice the sum of all weights.

    Narrow numbers in rows are added and searched several times as fast.
    """
    kind = np.int32 if 2 * sample_weight_RB.sum() < np.iinfo(np.int32).max else np.int64
    return times_RG.astype(kind, order="C")


def means(sample_weight_RB: FloatArray, values_B: FloatArray) -> FloatArray:
    """Mean of a value of each sample, shape (R,).

    +inf (the loss of a true class that was called impossible) makes those resamples infinite that
    hold the sample, and no others: 0 * inf would be NaN.
    """
    infinite_B = np.isposinf(values_B)
    finite_B = np.where(infinite_B, 0, values_B)
    if len(sample_weight_RB) == 1:
        sums_R = sample_weight_RB @ finite_B
    else:  # BLAS takes ten times as long for a thousand long columns and one vector
        everything = np.zeros((len(values_B), 1), dtype=np.intp)
        sums_R = group_sums(sample_weight_RB, everything, 1, finite_B[:, None])[:, 0]
    if infinite_B.any():
        sums_R[sample_weight_RB[:, infinite_B].any(axis=1)] = np.inf
    return np.asarray(sums_R / sample_weight_RB.sum(axis=1), dtype=np.float64)


def group_sums(
    sample_weight_RB: FloatArray,
    groups_BJ: npt.NDArray[np.integer],
    n_groups: int,
    values_BJ: FloatArray | None = None,
) -> FloatArray:
    """Sums of a value over the samples of each group, shape (R, n_groups).

    Args:
        sample_weight_RB: weights of the samples in each resample.
        groups_BJ: the J groups in [0, n_groups) that each sample belongs to.
        n_groups: how many groups there are.
        values_BJ: what a sample adds to each of its groups; None adds 1.
    """
    n_samples, n_each = groups_BJ.shape
    values_BJ = np.ones(groups_BJ.shape) if values_BJ is None else values_BJ
    if len(sample_weight_RB) == 1:  # the same sums without the cost of a matrix
        weights = (sample_weight_RB[0, :, None] * values_BJ).ravel()
        sums = np.bincount(groups_BJ.ravel(), weights=weights, minlength=n_groups)
        return np.asarray(sums[None], dtype=np.float64)
    if n_samples * n_groups <= _DENSE:  # making a sparse matrix takes longer than this product
        places_BJ = np.arange(n_samples)[:, None] * n_groups + groups_BJ
        dense = np.bincount(
            places_BJ.ravel(), weights=values_BJ.ravel(), minlength=n_samples * n_groups
        )
        return np.asarray(sample_weight_RB @ dense.reshape(n_samples, n_groups), dtype=np.float64)
    starts = np.arange(n_samples + 1) * n_each
    table = csr_array((values_BJ.ravel(), groups_BJ.ravel(), starts), shape=(n_samples, n_groups))
    return np.asarray(sample_weight_RB @ table, dtype=np.float64)
