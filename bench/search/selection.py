"""Which points of a search are trained again on fresh seeds: its Pareto set on validation."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from bench.records.costs import COSTS
from bench.records.pareto import front
from bench.search.history import OTHER_COSTS
from bench.search.objectives import Bounds, Objective


def pareto_set(
    trials: Sequence[FrozenTrial], objectives: Sequence[Objective], bounds: Bounds
) -> list[FrozenTrial]:
    """The trials that no other one beats on all objectives at once, each point once.

    Args:
        trials: of one search; failed ones count for nothing.
        objectives: what their values are.
        bounds: a trial that learned a network above them is left out, and beats no other one.
    """
    allowed = [
        one
        for one in trials
        if one.state == TrialState.COMPLETE and bounds.hold(**_costs(one, objectives))
    ]
    distinct = list({repr(sorted(one.params.items())): one for one in allowed}.values())
    if not distinct:
        return []
    better = ["higher" if o.direction == "maximize" else "lower" for o in objectives]
    on_front = front([one.values for one in distinct], better)
    return [one for one, kept in zip(distinct, on_front, strict=True) if kept]


def _costs(trial: FrozenTrial, objectives: Sequence[Objective]) -> dict[str, float]:
    """FLOPs and parameters; a cost that is no objective stands beside the values."""
    keys = [objective.key for objective in objectives]
    known = {**trial.user_attrs.get(OTHER_COSTS, {}), **dict(zip(keys, trial.values, strict=True))}
    return {key: known[key] for key in COSTS}
