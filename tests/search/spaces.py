"""A search space like that of a method, and histories on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from bench.search.space import Params

MIXED: Mapping[str, BaseDistribution] = {
    "sae.n_inputs": IntDistribution(1, 4),
    "sae.n_exits": IntDistribution(1, 4),
    "fc.depth": IntDistribution(1, 4),
    "fc.width": IntDistribution(8, 128, log=True),
    "train.rate": FloatDistribution(1e-4, 1e-1, log=True),
    "train.decay": FloatDistribution(0.0, 1.0, step=0.25),
    "train.optimiser": CategoricalDistribution(("adam", "sgd", "lion")),
    "sae.samples": IntDistribution(3, 3),
}

SMALL: Mapping[str, BaseDistribution] = {
    "k": IntDistribution(1, 3),
    "c": CategoricalDistribution(("a", "b")),
}


def exits_fit(params: Params) -> bool:
    """K <= D."""
    return int(params["sae.n_exits"]) <= int(params["fc.depth"])


def objectives(params: Params, count: int) -> list[float]:
    """Smooth objectives on scales from 1e-2 to 1e6."""
    x = [
        int(params["sae.n_inputs"]) / 4,
        int(params["fc.depth"]) / 4,
        math.log(params["fc.width"]) / 5,  # type: ignore[arg-type]
        math.log10(params["train.rate"]) / 3 + 1,  # type: ignore[arg-type]
    ]
    scales = (1e6, 1e-2, 1.0, 1e3, 1.0, 10.0, 1e-1)
    return [
        scales[k] * ((x[k % 4] - 0.3) ** 2 + x[(k + 1) % 4] * x[(k + 2) % 4]) for k in range(count)
    ]


def trial(
    params: Params,
    values: Sequence[float] | None = None,
    *,
    state: TrialState = TrialState.COMPLETE,
    distributions: Mapping[str, BaseDistribution] = MIXED,
) -> FrozenTrial:
    return create_trial(
        state=state, params=dict(params), distributions=dict(distributions), values=values
    )


def contained(params: Params, distributions: Mapping[str, BaseDistribution]) -> bool:
    """Whether a point has each parameter, in its distribution."""
    return set(params) == set(distributions) and all(
        distribution._contains(distribution.to_internal_repr(params[name]))
        for name, distribution in distributions.items()
    )


def keys(points: Sequence[Params]) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple(sorted(point.items())) for point in points]
