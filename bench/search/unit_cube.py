"""A search space as a unit cube: one coordinate a parameter, the quantile of its distribution.

Stratified designs and mutations are made in the cube. One column a parameter, unlike Optuna's
one-hot columns, so that a category is drawn by one number as everything else is.
Letters: P parameters.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

# Private to Optuna, but what its own samplers and optuna_integration snap points with: a copy of
# it would be one that can disagree with them on how a value is rounded.
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution, CategoricalDistribution

from bench.search.space import Params

Point = dict[str, Any]


class UnitCube:
    """Maps coordinates in [0, 1] to what the distributions can express, and back.

    Equal lengths of a coordinate are equally probable: logarithmic where the distribution is,
    and each value of a whole number or of a category has its share.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.names = tuple(distributions)
        self._distributions = dict(distributions)
        self._numeric = {
            name: _SearchSpaceTransform({name: distribution}, transform_0_1=True)
            for name, distribution in distributions.items()
            if not isinstance(distribution, CategoricalDistribution)
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
        return self._numeric[name].untransform(np.array([u]))[name]

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
                u_P[index] = self._numeric[name].transform({name: params[name]})[0]
        return u_P


def identity(params: Params) -> frozenset[tuple[str, Any]]:
    """The identity of a point: its values, whatever the order of their names."""
    return frozenset(params.items())
