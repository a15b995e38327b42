"""Whether the trials of a history are those that the records show: a journal carries no digest."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from bench.records.store import Reader
from bench.search.objectives import Objective
from bench.search.trials import Plan, result_of


def agree(trials: Sequence[FrozenTrial], objectives: Sequence[Objective], runs: Reader) -> bool:
    """Whether every ended trial of a search has the values that its record gives."""
    return all(_is_of_its_record(one, objectives, runs) for one in trials)


def follow(plan: Plan, trials: Sequence[FrozenTrial], runs: Reader) -> bool:
    """The same, and whether every trial is a point of the plan."""
    return all(_is_of_the_plan(one, plan) for one in trials) and agree(
        trials, plan.objectives, runs
    )


def _is_of_the_plan(one: FrozenTrial, plan: Plan) -> bool:
    try:
        config = plan.space.config(one.params, seed=plan.run_seed)
    except (ValueError, LookupError, TypeError):  # no point of the space
        return False
    designed = one.number >= len(plan.design) or dict(one.params) == plan.design[one.number]
    return designed and config.run_id == one.user_attrs.get("run_id")


def _is_of_its_record(one: FrozenTrial, objectives: Sequence[Objective], runs: Reader) -> bool:
    run_id = one.user_attrs.get("run_id")
    record = runs.load(run_id) if isinstance(run_id, str) else None
    if record is None:
        return False
    values, facts = result_of(record, objectives, runs.root)
    if values is None:
        return one.state == TrialState.FAIL
    as_written = {"label": record.label, **one.user_attrs} == facts  # older ones have no label
    return one.state == TrialState.COMPLETE and tuple(one.values) == values and as_written
