"""Grid search: each point of a coarse product once, in a shuffled order.

Optuna's own GridSampler holds the whole product in memory (ten parameters of five levels are ten
million points) and marks what it has visited on its own trials, which a rebuilt history lacks.
"""

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from bench.search.unit_cube import Point

# The same for every batch: a later batch has to go on in the order that the earlier ones followed.
ORDER_SEED = 0
MOST_INTS = 8
INT_LEVELS = 5


def levels(distribution: BaseDistribution) -> list[Any]:
    """The values of one parameter on the grid.

    All choices of a category. All whole numbers if there are at most 8; else, between the bounds,
    the powers of two of a logarithmic range or 5 even levels of a linear one. Of a float the
    bounds and the middle (the geometric mean of a logarithmic range).
    """
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return _int_levels(distribution)
    assert isinstance(distribution, FloatDistribution)
    return _float_levels(distribution)


def _int_levels(distribution: IntDistribution) -> list[int]:
    values = range(distribution.low, distribution.high + 1, distribution.step)
    if len(values) <= MOST_INTS:
        return list(values)
    powers = [2**e for e in range(distribution.high.bit_length()) if 2**e >= distribution.low]
    if distribution.log and powers:
        return powers
    return [values[round(index)] for index in np.linspace(0, len(values) - 1, INT_LEVELS)]


def _float_levels(distribution: FloatDistribution) -> list[float]:
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.single():
        return [low]
    middle = math.sqrt(low * high) if distribution.log else (low + high) / 2
    if step is not None:
        middle = low + step * round((middle - low) / step)
    return list(dict.fromkeys((low, middle, high)))


def grid(distributions: Mapping[str, BaseDistribution]) -> Iterator[Point]:
    """All points of the product, in a random order that is the same every time."""
    axes = {name: levels(distribution) for name, distribution in distributions.items()}
    for index in _shuffled(math.prod(map(len, axes.values()))):
        point, rest = {}, index
        for name, values in axes.items():
            rest, position = divmod(rest, len(values))
            point[name] = values[position]
        yield point


def _shuffled(size: int) -> Iterator[int]:
    """A random order of range(size): Fisher and Yates' shuffle, of which only swaps are kept."""
    rng = random.Random(ORDER_SEED)  # noqa: S311 - an order, not a secret
    moved: dict[int, int] = {}
    for index in range(size):
        other = rng.randrange(index, size)
        yield moved.get(other, other)
        moved[other] = moved.pop(index, index)
