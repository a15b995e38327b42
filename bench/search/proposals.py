"""The next points of a search: a pure function of its history, a sampler's name and a seed."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.search.grid import grid
from bench.search.history import trial
from bench.search.objectives import Direction
from bench.search.rejection import (
    TRIES,
    Rule,
    everywhere,
    nothing_feasible,
    random_points,
    remembered,
)
from bench.search.samplers import GRID, check_sampler, make_sampler
from bench.search.space import Params
from bench.search.unit_cube import Point, identity

# Samplers that do not know of the rule propose again this often; then a random point serves.
MISSES = 100


def propose(
    sampler: str,
    distributions: Mapping[str, BaseDistribution],
    directions: Sequence[Direction],
    history: Sequence[FrozenTrial],
    *,
    n: int,
    seed: int,
    feasible: Rule = everywhere,
) -> list[Point]:
    """Choose the points to try next.

    A fresh study and a freshly seeded sampler serve each call, and global random streams are
    neither read nor moved: the same arguments give the same points. Points of this batch count as
    pending for the ones after them. A point that failed is not proposed again if there is another.

    Args:
        sampler: a name in ``SAMPLERS``.
        distributions: what is varied.
        directions: of the objectives.
        history: trials in the order of their numbers, with these distributions: COMPLETE ones with
            a finite value an objective, FAIL ones, and RUNNING ones, which are pending.
        n: how many points.
        seed: of this batch, any whole number >= 0.
        feasible: which points may be proposed.

    Returns:
        n points; fewer only of "grid", at its end.

    Raises:
        UserError: an unknown sampler, or no feasible point was found.
    """
    check_sampler(sampler)
    rule = remembered(feasible)
    if sampler == GRID:
        tried = {identity(one.params) for one in history}
        left = (point for point in grid(distributions) if identity(point) not in tried)
        return list(itertools.islice(filter(rule, left), n))
    failed = {identity(one.params) for one in history if one.state == TrialState.FAIL}

    def wanted(params: Params) -> bool:
        return identity(params) not in failed and rule(params)

    # NumPy's and Optuna's streams take 32 bits; a seed of 64 is mixed into them, not cut.
    sampler_seed, fallback_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    rng = np.random.default_rng(fallback_seed)
    points: list[Point] = []
    with _quiet_optuna():
        study = optuna.create_study(
            directions=list(directions),
            sampler=make_sampler(sampler, distributions, wanted, sampler_seed),
        )
        study.add_trials(history)
        for _ in range(n):
            point = _ask(study, distributions, wanted)
            if point is None:
                point = next(random_points(distributions, rule, rng), None)
                if point is None:
                    raise nothing_feasible(feasible, TRIES)
                study.add_trial(trial(point, distributions, TrialState.RUNNING))
            points.append(point)
    return points


def _ask(study: Study, distributions: Mapping[str, BaseDistribution], wanted: Rule) -> Point | None:
    """The sampler's next point that is wanted, now a running trial of the study, or None."""
    for _ in range(MISSES):
        asked = study.ask(dict(distributions))
        if wanted(asked.params):
            return asked.params
        study.tell(asked, state=TrialState.FAIL)
    return None


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Without Optuna's note on standard error for every study that is created."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
