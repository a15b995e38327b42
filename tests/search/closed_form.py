"""A search without training: records made up from the settings by formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import optuna
from made_records import failed, fields, finished
from optuna.trial import FrozenTrial

from bench.data.table import DATASETS
from bench.records.schema import FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.execute import Engine, RunStatus
from bench.runs.settings import SweepSettings
from bench.search.design import first_design
from bench.search.history import History
from bench.search.objectives import Objective
from bench.search.space import search_space
from bench.search.trials import Plan, run_trials

OBJECTIVES = (
    Objective(key="accuracy", direction="maximize"),
    Objective(key="ece", direction="minimize"),
    Objective(key="flops", direction="minimize", is_cost=True),
    Objective(key="params", direction="minimize", is_cost=True),
)


def closed_form_record(config: RunConfig) -> FinishedRun:
    """Wide networks are better, many exits are dearer, alpha has its best value inside."""
    settings, width = config.settings.as_dict(), config.backbone_settings.width
    return finished(
        {
            **fields(config),
            "metrics": {
                "val": {
                    "accuracy": 1 - 1 / width - (settings["alpha_end"] - 0.3) ** 2,
                    "ece": (settings["n_inputs"] / 10 + settings["temperature_end"] ** 2) / 10,
                }
            },
            "cost": {
                "flops": width**2 * settings["n_exits"],
                "params": width * settings["n_inputs"],
                "flops_by_part": {"other": width**2 * settings["n_exits"]},
            },
        }
    )


class ClosedFormEngine(Engine):
    """Answers at once, or later in any order; counts what it was given.

    Args:
        store: gets the records.
        fails: which runs fail.
        stop_after: raise KeyboardInterrupt instead of taking more runs.
    """

    def __init__(
        self,
        store: Store,
        *,
        fails: Callable[[RunConfig], bool] = lambda _: False,
        stop_after: int = 10**9,
    ) -> None:
        self.store, self.fails, self.stop_after = store, fails, stop_after
        self.taken: list[str] = []

    def submit(self, config: RunConfig, *, wait_for_others: bool = True) -> Future[RunStatus]:
        if len(self.taken) >= self.stop_after:
            raise KeyboardInterrupt
        self.taken.append(config.run_id)
        if self.store.load(config.run_id) is None:
            if self.fails(config):
                error = {"type": "E", "message": "made to fail", "traceback": ""}
                self.store.save(failed({**fields(config), "error": error}), {})
            else:
                self.store.save(closed_form_record(config), {})
        future: Future[RunStatus] = Future()
        status = "failed" if self.fails(config) else "done"
        future.set_result(RunStatus(run_id=config.run_id, status=status))  # type: ignore[arg-type]
        return future


def plan_of(n_trials: int, *, sampler: str = "random", batch: int = 4, seed: int = 7) -> Plan:
    space = search_space(DATASETS["digits"], "sae", preset="paper", assignments=["depth=2"])
    return Plan(
        space=space,
        objectives=OBJECTIVES,
        design=first_design(space.distributions, space.cells(), n=10, seed=1),
        sampler=sampler,
        batch=batch,
        n_trials=n_trials,
        seed=seed,
        run_seed=0,
        feasible=lambda _: True,
    )


def in_memory() -> History:
    directions = [objective.direction for objective in OBJECTIVES]
    return History(optuna.create_study(directions=directions))


def searched(
    plan: Plan, engine: ClosedFormEngine, history: History | None = None
) -> list[FrozenTrial]:
    history = history or in_memory()
    run_trials(plan, history, engine, engine.store, lambda: None)
    return history.trials()


def points(trials: Sequence[FrozenTrial]) -> list[tuple[Any, ...]]:
    return [(one.number, one.state.name, tuple(sorted(one.params.items())), one.values)
            for one in trials]  # fmt: skip


def a_store(folder: Path) -> Store:
    return SweepSettings(results=folder, data=None, device="cpu", stage="search").store
