"""Rules between parameters, and points that obey them, by rejection.

Distributions bound one parameter each; that K exits fit a network of depth D >= K, or that it is
cheap enough, is a function of the whole point. A rule may build a network to answer: it is asked
about as few points as possible.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from optuna.distributions import BaseDistribution

from bench.errors import UserError
from bench.search.space import Params
from bench.search.unit_cube import Point, UnitCube, identity

Rule = Callable[[Params], bool]

# Where one point in 1,000 is feasible, all of them miss once in 22,000 times.
TRIES = 10_000


def everywhere(_params: Params) -> bool:
    """The rule that allows every point."""
    return True


def remembered(rule: Rule) -> Rule:
    """The same rule, which is asked once about a point."""
    answers: dict[frozenset[tuple[str, object]], bool] = {}

    def answer(params: Params) -> bool:
        key = identity(params)
        if key not in answers:
            answers[key] = rule(params)
        return answers[key]

    return answer


def random_points(
    distributions: Mapping[str, BaseDistribution],
    rule: Rule,
    rng: np.random.Generator,
    *,
    tries: int = TRIES,
    fixed: Params | None = None,
) -> Iterator[Point]:
    """The feasible ones of random points, each drawn when it is asked for."""
    cube = UnitCube(distributions)
    for _ in range(tries):
        point = {**cube.point(rng.random(cube.dimensions)), **(fixed or {})}
        if rule(point):
            yield point


def nothing_feasible(rule: Rule, tries: int) -> UserError:
    """The error of a space without a feasible point; it calls the rule by its name."""
    name = getattr(rule, "__name__", str(rule))
    return UserError(
        f"none of {tries:,} random points of the search space is feasible under the rule {name!r}: "
        "loosen it, or widen the ranges of the parameters that it reads"
    )
