"""How a cost grows: the exponent of a power law, fitted on logarithms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def exponent(cost_by_size: Mapping[float, float]) -> float:
    """The slope of log cost against log size by least squares: 0 is free, 1 linear, 2 quadratic.

    Args:
        cost_by_size: at least two sizes, all positive.

    Raises:
        ValueError: fewer than two sizes, or one that is not positive.
    """
    sizes, costs = np.array(list(cost_by_size)), np.array(list(cost_by_size.values()))
    if len(sizes) < 2:
        raise ValueError(f"{len(sizes)} sizes: an exponent takes at least 2")
    if min(sizes.min(), costs.min()) <= 0:
        raise ValueError(f"sizes {sizes}, costs {costs}: all must be positive")
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
