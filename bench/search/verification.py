"""Whether the trials of a history are those that the records show: a journal carries no digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from bench.records.costs import COSTS
from bench.records.measurements import measured_values
from bench.records.schema import FinishedRun, Record
from bench.records.store import Reader
from bench.search.history import CORE_SECONDS, OTHER_COSTS
from bench.search.objectives import Objective, values_of
from bench.search.trials import Plan


def agree(trials: Sequence[FrozenTrial], objectives: Sequence[Objective], runs: Reader) -> bool:
    """Whether every trial has the values that its record gives.

    Args:
        trials: ended.
        objectives: of the search.
        runs: the records of the search.
    """
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
    if record is None or one.state not in (TrialState.COMPLETE, TrialState.FAIL):
        return False
    values = _values(record, objectives, runs)
    if one.state == TrialState.FAIL or values is None:
        return one.state == TrialState.FAIL and values is None
    expected = _facts(record, objectives)
    return tuple(one.values) == values and {"label": record.label, **one.user_attrs} == expected


def _values(
    record: Record, objectives: Sequence[Objective], runs: Reader
) -> tuple[float, ...] | None:
    if not isinstance(record, FinishedRun):
        return None
    if not any(objective.is_measured for objective in objectives):
        return values_of(record, objectives)
    measured = measured_values(runs.root, record.run_id)
    return None if measured is None else values_of(record, objectives, measured)


def _facts(record: Record, objectives: Sequence[Objective]) -> dict[str, Any]:
    facts: dict[str, Any] = {"run_id": record.run_id, "label": record.label}
    others = sorted(set(COSTS) - {objective.key for objective in objectives})
    if isinstance(record, FinishedRun):
        facts[CORE_SECONDS] = record.timings.cpu_s
    if others and isinstance(record, FinishedRun):
        facts[OTHER_COSTS] = {key: getattr(record.cost, key) for key in others}
    return facts
