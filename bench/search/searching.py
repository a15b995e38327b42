"""Running plans one after another, and the configurations of each that are tested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from bench.console.progress import Progress
from bench.records.store import Reader
from bench.runs.config import RunConfig
from bench.runs.execute import Engine, prepare_process
from bench.runs.settings import SweepSettings
from bench.search.history import open_history
from bench.search.selection import contenders, finalists
from bench.search.studies import Search
from bench.search.trials import Plan, awaited, follow, run_trials, within_budget

# Contenders for each place of a finalist.
CONTENDERS = 2


@dataclass(frozen=True, kw_only=True)
class Found:
    """The results of searches.

    Attributes:
        configs: the finalists on every final seed.
        notes: a line for each trial that failed, and each search without a front.
    """

    configs: list[RunConfig]
    notes: list[str]


def run_plans(
    plans: Sequence[Plan],
    sweep: SweepSettings,
    engine: Engine,
    search: Search,
) -> Found:
    """Search, and return what is to be tested: the finalists of every plan on the final seeds."""
    # Proposals are part of the same bits: they are computed as runs are, on one thread.
    prepare_process()
    found = Found(configs=[], notes=[])
    total = sum(plan.n_trials for plan in plans)
    with Progress(total, unit="trial") as bar:
        for plan in plans:
            trials = _run_plan(plan, sweep, engine, search.storage, bar)
            tested = _finalists(plan, trials, sweep, engine, search)
            found.configs.extend(
                plan.space.config(trial.params, seed=seed)
                for seed in search.request.seeds
                for trial in tested
            )
            found.notes.extend(_notes(plan, trials, tested))
    return found


def _finalists(
    plan: Plan,
    trials: Sequence[FrozenTrial],
    sweep: SweepSettings,
    engine: Engine,
    search: Search,
) -> list[FrozenTrial]:
    """Train the contenders on the second search seed, and choose."""
    store = sweep.store
    most = search.most_finalists
    fit = contenders(trials, plan.objectives, search.bounds, most=CONTENDERS * most)
    futures = [
        engine.submit(plan.space.config(trial.params, seed=search.second_seed)) for trial in fit
    ]
    agreed, second = [], []
    for trial, future in zip(fit, futures, strict=True):
        values, _ = awaited(future, plan.objectives, store)
        if values is not None:
            agreed.append(trial)
            second.append(values)
    first = [trial.values for trial in agreed]
    return [agreed[row] for row in finalists(first, second, plan.objectives, most=most)]


def _run_plan(
    plan: Plan, sweep: SweepSettings, engine: Engine, storage: str | None, bar: Progress
) -> list[FrozenTrial]:
    store = sweep.store
    bar.name(f"{plan.facts['method']} on {plan.facts['dataset']}")
    with open_history(
        store.root,
        plan.name,
        directions=[objective.direction for objective in plan.objectives],
        storage=storage,
        facts=plan.facts,
        is_right=lambda trials: follow(plan, trials, Reader(store.root)),
    ) as history:
        run_trials(plan, history, engine, store, bar.update)
        return within_budget(plan, history)


def _notes(
    plan: Plan, trials: Sequence[FrozenTrial], front: Sequence[FrozenTrial]
) -> Iterator[str]:
    for trial in trials:
        if trial.state == TrialState.FAIL:
            yield f"failed trial {trial.user_attrs['run_id']}: {trial.user_attrs['failed']}"
    if not front:
        yield (
            f"search {plan.name}: none of its {len(trials)} trials can be chosen: they failed, or "
            "are above --max-flops or --max-params"
        )
