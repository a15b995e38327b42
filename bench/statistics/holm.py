"""Holm's correction of p values for many comparisons (SciPy has none)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.metrics.predictive import FloatArray


def holm(p_T: npt.ArrayLike) -> FloatArray:
    """Adjusted p values, in the order of ``p_T``; NaN stays NaN and is no comparison.

    The k-th smallest of m p values is multiplied by m - k + 1, and none may be below one before it
    (Holm 1979). Rejecting what is at most a keeps the chance of any false rejection at most a,
    however the comparisons depend on each other.
    """
    p = np.asarray(p_T, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN sorts last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return adjusted
