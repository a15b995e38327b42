"""A search space as a unit cube: one coordinate a parameter, the quantile of its distribution.

Stratified designs and mutations are made in the cube. One column a parameter, unlike Optuna's
one-hot columns, so that a category is drawn by one number as everything else is.
Letters: P parameters.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from bench.search.space import Params

Point = dict[str, Any]


class _Axis:
    """Quantiles of a numeric distribution, rounded to its steps as Optuna's own samplers do it."""

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self._distribution = distribution
        half = (distribution.step or 0) / 2
        self._low = self._scaled(distribution.low - half)
        self._length = self._scaled(distribution.high + half) - self._low

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._distribution.log else float(value)

    def value(self, u: float) -> float:
        """The value at quantile ``u``: an int where the distribution is of ints."""
        low, high, step = (
            self._distribution.low, self._distribution.high, self._distribution.step,
        )  # fmt: skip
        x = self._low + float(u) * self._length
        x = math.exp(x) if self._distribution.log else x
        if step is not None:
            x = low + step * math.floor((x - low) / step + 0.5)
        return min(max(x, low), high)

    def coordinate(self, value: float) -> float:
        """The quantile of a value; of a single one, the middle."""
        return (self._scaled(value) - self._low) / self._length if self._length else 0.5


class UnitCube:
    """Maps coordinates in [0, 1] to what the distributions can express, and back.

    Equal lengths of a coordinate are equally probable: logarithmic where the distribution is,
    and each value of a whole number or of a category has its share.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.names = tuple(distributions)
        self._distributions = dict(distributions)
        self._numeric = {
            name: _Axis(distribution)
            for name, distribution in distributions.items()
            if isinstance(distribution, FloatDistribution | IntDistribution)
        }

    @property
    def dimensions(self) -> int:
        """P."""
        return len(self.names)

    def value(self, name: str, u: float) -> Any:
        """The value of one parameter at quantile ``u``."""
        distribution = self._distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            # Scrambled and perturbed coordinates can be rounded up to 1.
            last = len(distribution.choices) - 1
            return distribution.choices[min(int(u * len(distribution.choices)), last)]
        return self._numeric[name].value(u)

    def point(self, u_P: npt.NDArray[np.float64]) -> Point:
        """The point at coordinates of shape (P,), each in [0, 1]."""
        return {name: self.value(name, u) for name, u in zip(self.names, u_P, strict=True)}

    def coordinates(self, params: Params) -> npt.NDArray[np.float64]:
        """Where a point lies: the middle of a category's share, shape (P,)."""
        u_P = np.empty(self.dimensions)
        for index, name in enumerate(self.names):
            distribution = self._distributions[name]
            if isinstance(distribution, CategoricalDistribution):
                choice = distribution.to_internal_repr(params[name])
                u_P[index] = (choice + 0.5) / len(distribution.choices)
            else:
                u_P[index] = self._numeric[name].coordinate(float(params[name]))
        return u_P


def identity(params: Params) -> frozenset[tuple[str, Any]]:
    """The identity of a point: its values, whatever the order of their names."""
    return frozenset(params.items())
