"""The trials of a search: which points, in which order, from which earlier results.

Trials come in batches. The first design is known from the start; every later batch is proposed
from all batches but the one before it, which is in progress meanwhile and counts as pending. So
workers have a batch to work on while the next one is proposed, and yet the points are a function of
the search alone: not of the number of workers, of who is first, nor of where it was interrupted.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from bench.records.costs import COSTS
from bench.records.measurements import measured_values
from bench.records.schema import FailedRun, Record
from bench.records.store import Reader, Store
from bench.runs.execute import Engine, RunStatus
from bench.search.history import CORE_SECONDS, OTHER_COSTS, History, trial
from bench.search.objectives import Objective, for_model, values_of
from bench.search.proposals import propose
from bench.search.space import Params, SearchSpace
from methods.core.seeding import derive_seed

# Instead of a sampler: the first design is all there is.
ENUMERATE = "enumerate"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One method on one dataset, ready to be searched.

    Attributes:
        name: unique for what it would find.
        facts: the same for readers, written beside the trials.
        objectives: in the order of the trials' values.
        design: the first points; all of them where nothing is proposed.
        sampler: proposes the others (``bench.search.samplers``).
        n_trials: in all.
        core_seconds: of training and validation, after which nothing more is tried; None: no limit.
    """

    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    space: SearchSpace
    objectives: Sequence[Objective]
    design: Sequence[Params]
    sampler: str
    batch: int
    n_trials: int
    core_seconds: float | None = None
    seed: int
    run_seed: int
    feasible: Callable[[Params], bool]


def run_trials(
    plan: Plan, history: History, engine: Engine, store: Store, done: Callable[[], object]
) -> None:
    """Run what the history lacks of the plan's trials, and write each to it."""
    batches = _batches(plan)
    tried: list[list[Params]] = []
    running: list[list[Future[RunStatus]]] = []
    n_written = 0
    for index, numbers in enumerate(batches):
        if index >= 2:
            _write(plan, history, store, batches[index - 2], tried[index - 2], running[index - 2])
            n_written = index - 1
            if len(within_budget(plan, history)) < len(history.trials()):
                break
        points = _points(plan, history, batches, tried)
        tried.append(points)
        running.append([])
        for number, params in zip(numbers, points, strict=False):  # a grid may come to its end
            if number < len(history.trials()):
                done()
                continue
            future = engine.submit(plan.space.config(params, seed=plan.run_seed))
            future.add_done_callback(lambda _: done())
            running[-1].append(future)
    for index in range(n_written, len(tried)):
        _write(plan, history, store, batches[index], tried[index], running[index])


def within_budget(plan: Plan, history: History) -> list[FrozenTrial]:
    """The first trials that are within both budgets.

    What a trial took stands beside it and is written once: an interrupted search ends where an
    undisturbed one of the same times does. The last trial counts if it began within the budget.
    A failed one has no times, and counts as the mean of those before it.
    """
    trials = history.trials()[: plan.n_trials]
    if plan.core_seconds is None:
        return trials
    spent = 0.0
    for number, one in enumerate(trials):
        if spent >= plan.core_seconds:
            return trials[:number]
        seconds = one.user_attrs.get(CORE_SECONDS)
        spent += spent / max(number, 1) if seconds is None else seconds
    return trials


def _batches(plan: Plan) -> list[range]:
    """The numbers of each batch. A larger ``n_trials`` adds to them and changes none before."""
    n_design = len(plan.design)
    last = n_design if plan.sampler == ENUMERATE else max(n_design, plan.n_trials)
    starts = [*range(0, n_design, plan.batch), *range(n_design, last, plan.batch)]
    ends = [*starts[1:], last]
    whole = [range(start, end) for start, end in zip(starts, ends, strict=True)]
    cut = [range(batch.start, min(batch.stop, plan.n_trials)) for batch in whole]
    return [batch for batch in cut if batch]


def _points(
    plan: Plan, history: History, batches: Sequence[range], tried: Sequence[Sequence[Params]]
) -> list[Params]:
    """The points of the batch after those in ``tried``."""
    numbers = batches[len(tried)]
    ended = history.trials()
    if numbers.stop <= len(ended):
        return [one.params for one in ended[numbers.start : numbers.stop]]
    if numbers.start < len(plan.design):
        return list(plan.design[numbers.start : numbers.stop])
    distributions = plan.space.distributions
    known = batches[len(tried) - 1].start if tried else 0
    seen = [_for_model(one, plan) for one in ended[:known]]
    pending = [trial(params, distributions, TrialState.RUNNING) for params in (tried or [[]])[-1]]
    found = propose(
        plan.sampler,
        distributions,
        [objective.direction for objective in plan.objectives],
        [*seen, *pending],
        # Always a whole batch: with more trials the same search goes on from here.
        n=plan.batch,
        seed=derive_seed(plan.seed, "proposals", numbers.start),
        feasible=plan.feasible,
    )
    return list(found[: len(numbers)])


def _for_model(ended: FrozenTrial, plan: Plan) -> FrozenTrial:
    values = None if ended.values is None else for_model(ended.values, plan.objectives)
    return trial(ended.params, plan.space.distributions, ended.state, values, ended.user_attrs)


def _write(
    plan: Plan,
    history: History,
    store: Store,
    numbers: range,
    points: Sequence[Params],
    futures: Sequence[Future[RunStatus]],
) -> None:
    """Wait for a batch, and write those of its trials that the history does not have."""
    n_written = len(history.trials()) - numbers.start
    for params, future in zip(points[max(0, n_written) :], futures, strict=True):
        values, facts = awaited(future, plan.objectives, store)
        history.append(params, plan.space.distributions, values=values, facts=facts)


Result = tuple[tuple[float, ...] | None, dict[str, Any]]
"""The values of a run, None where one is not to be had; and what is kept beside them."""


def awaited(future: Future[RunStatus], objectives: Sequence[Objective], store: Store) -> Result:
    """The result of a run in progress."""
    status = future.result()
    record = store.load(status.run_id)
    assert record is not None, "a status stands for a record"
    return result_of(record, objectives, store.root, status.unmeasured)


def result_of(
    record: Record, objectives: Sequence[Objective], root: Path, unmeasured: str | None = None
) -> Result:
    """The result of a recorded run."""
    facts: dict[str, Any] = {"run_id": record.run_id, "label": record.label}
    if isinstance(record, FailedRun):
        return None, {**facts, "failed": record.error.message}
    facts[CORE_SECONDS] = record.timings.cpu_s
    others = set(COSTS) - {objective.key for objective in objectives}
    if others:
        facts[OTHER_COSTS] = {key: getattr(record.cost, key) for key in sorted(others)}
    measured = None
    if any(objective.is_measured for objective in objectives):
        measured = measured_values(root, record.run_id)
        if measured is None:
            return None, {**facts, "failed": f"not measured: {unmeasured or 'no reason'}"}
    values = values_of(record, objectives, measured)
    return values, facts if values else {**facts, "failed": "an objective is not finite"}


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
