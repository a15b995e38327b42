"""The order of a search's trials: a function of the search, wherever it was interrupted."""

import dataclasses
import random
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.execute import RunStatus
from bench.search import proposals
from bench.search import trials as trials_module
from bench.search.history import History, open_history
from bench.search.trials import ENUMERATE, within_budget
from search.closed_form import (
    OBJECTIVES,
    ClosedFormEngine,
    a_store,
    in_memory,
    plan_of,
    points,
    searched,
)

DIRECTIONS = [objective.direction for objective in OBJECTIVES]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def test_the_design_comes_first_and_every_trial_has_its_values(tmp_path: Path) -> None:
    plan = plan_of(18)
    engine = ClosedFormEngine(a_store(tmp_path))
    found = searched(plan, engine)
    assert [one.params for one in found[:10]] == [dict(point) for point in plan.design]
    assert len(found) == 18 == len(engine.taken)
    for one, run_id in zip(found, engine.taken, strict=True):
        config = plan.space.config(one.params, seed=0)
        assert one.user_attrs["run_id"] == config.run_id == run_id
        width, k = config.backbone_settings.width, one.params["sae.n_exits"]
        assert one.values[2] == width**2 * k  # the exact cost, not its logarithm
        assert one.values[0] == 1 - 1 / width - (one.params["sae.alpha_end"] - 0.3) ** 2


@pytest.mark.parametrize("sampler", ["nsgaii", "botorch"])
def test_an_interrupted_search_ends_as_an_undisturbed_one(tmp_path: Path, sampler: str) -> None:
    plan = plan_of(16, sampler=sampler)
    expected = points(searched(plan, ClosedFormEngine(a_store(tmp_path / "whole"))))
    store, stops = a_store(tmp_path / "pieces"), 0
    for stop_after in (3, 9, 2):  # in the design, in a proposed batch, ...
        with open_history(
            tmp_path / "pieces", "a", directions=DIRECTIONS, storage=None, facts={}
        ) as history:
            engine = ClosedFormEngine(store, stop_after=stop_after)
            try:
                searched(plan, engine, history)
            except KeyboardInterrupt:
                stops += 1
            assert points(history.trials()) == expected[: len(history.trials())]
    with open_history(
        tmp_path / "pieces", "a", directions=DIRECTIONS, storage=None, facts={}
    ) as history:
        searched(plan, ClosedFormEngine(store), history)
        assert points(history.trials()) == expected
    assert stops >= 2
    assert len(store.run_ids()) == len({one[2] for one in expected})


@pytest.mark.parametrize("written", [9, 10, 12])  # the design's last batch, and in the next
def test_a_search_struck_while_it_writes_ends_as_an_undisturbed_one(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(20, sampler="tpe")
    expected = points(searched(plan, ClosedFormEngine(a_store(tmp_path / "whole"))))
    history, store = in_memory(), a_store(tmp_path / "struck")
    append = History.append

    def struck(self: History, *arguments: Any, **options: Any) -> None:
        if len(self.trials()) == written:
            raise KeyboardInterrupt
        append(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(History, "append", struck)
        with pytest.raises(KeyboardInterrupt):
            searched(plan, ClosedFormEngine(store), history)
    assert points(history.trials()) == expected[:written]
    assert points(searched(plan, ClosedFormEngine(store), history)) == expected


def test_more_trials_go_on_from_fewer(tmp_path: Path) -> None:
    expected = points(searched(plan_of(23), ClosedFormEngine(a_store(tmp_path / "23"))))
    history, store = in_memory(), a_store(tmp_path / "less")
    for n_trials in (5, 12, 13, 23):
        engine = ClosedFormEngine(store)
        assert points(searched(plan_of(n_trials), engine, history)) == expected[:n_trials]
    # What there was is not even submitted again.
    assert len(engine.taken) == 10


def test_proposals_depend_on_results_and_on_the_seed(tmp_path: Path) -> None:
    base = points(searched(plan_of(20, sampler="tpe"), ClosedFormEngine(a_store(tmp_path / "a"))))
    seed = plan_of(20, sampler="tpe", seed=8)
    other = points(searched(seed, ClosedFormEngine(a_store(tmp_path / "b"))))
    assert base[:10] == other[:10]
    assert base[10:] != other[10:]


class OutOfOrder(ClosedFormEngine):
    """Runs in an order by chance, until the result that is waited for is there."""

    def __init__(self, store: Store, seed: int) -> None:
        super().__init__(store)
        self.chance = random.Random(seed)
        self.waiting: list[tuple[RunConfig, Future[RunStatus]]] = []

    def submit(self, config: RunConfig, *, wait_for_others: bool = True) -> Future[RunStatus]:
        future = Later(self)
        self.waiting.append((config, future))
        return future

    def until(self, future: Future[RunStatus]) -> None:
        while not future.done():
            config, ended = self.waiting.pop(self.chance.randrange(len(self.waiting)))
            ended.set_result(super().submit(config).result())


class Later(Future[RunStatus]):
    def __init__(self, engine: OutOfOrder) -> None:
        super().__init__()
        self.engine = engine

    def result(self, timeout: float | None = None) -> RunStatus:
        self.engine.until(self)
        return super().result(timeout)


def test_points_do_not_depend_on_which_run_ends_first(tmp_path: Path) -> None:
    plan = plan_of(20, sampler="tpe")
    ordered = ClosedFormEngine(a_store(tmp_path / "ordered"))
    expected = points(searched(plan, ordered))
    for attempt in range(3):
        engine = OutOfOrder(a_store(tmp_path / str(attempt)), seed=attempt)
        assert points(searched(plan, engine)) == expected
        assert engine.taken != ordered.taken
        assert set(engine.taken) == set(ordered.taken)


def test_a_failed_run_is_a_failed_trial_and_the_search_goes_on(tmp_path: Path) -> None:
    def fails(config: RunConfig) -> bool:
        return bool(config.settings.as_dict()["n_inputs"] == 2)

    engine = ClosedFormEngine(a_store(tmp_path), fails=fails)
    found = searched(plan_of(20, sampler="tpe"), engine)
    assert len(found) == 20
    for one in found:
        failed = one.params["sae.n_inputs"] == 2
        assert one.state == (TrialState.FAIL if failed else TrialState.COMPLETE)
        assert (one.user_attrs.get("failed") == "made to fail") is failed
    assert any(one.state == TrialState.FAIL for one in found)


def test_an_enumeration_is_its_design(tmp_path: Path) -> None:
    plan = plan_of(10, sampler=ENUMERATE)
    found = searched(plan, ClosedFormEngine(a_store(tmp_path)))
    assert [one.params for one in found] == [dict(point) for point in plan.design]


def test_workers_have_a_batch_while_the_next_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ClosedFormEngine(a_store(tmp_path))
    seen: list[tuple[int, int, int]] = []
    original = proposals.propose

    def propose(*arguments: Any, **options: Any) -> Any:
        history = arguments[3]
        pending = sum(one.state == TrialState.RUNNING for one in history)
        seen.append((len(engine.taken), len(history) - pending, pending))
        return original(*arguments, **options)

    monkeypatch.setattr(trials_module, "propose", propose)
    searched(plan_of(22), engine)
    # (submitted, known, pending): the batch before is on its way and counts as pending. The design
    # of 10 makes batches of 4, 4 and 2.
    assert seen == [(10, 8, 2), (14, 10, 4), (18, 14, 4)]


@pytest.mark.parametrize("stop_after", [None, 7, 12])
def test_a_budget_of_core_seconds_ends_a_search_wherever_it_was_interrupted(
    tmp_path: Path, stop_after: int | None
) -> None:
    endless = points(
        searched(plan_of(40, sampler="tpe"), ClosedFormEngine(a_store(tmp_path / "e")))
    )
    one_trial = next(iter(a_store(tmp_path / "e").finished())).timings.cpu_s
    plan = dataclasses.replace(plan_of(40, sampler="tpe"), core_seconds=10.5 * one_trial)
    store, history = a_store(tmp_path / "b"), in_memory()
    if stop_after is not None:
        with pytest.raises(KeyboardInterrupt):
            searched(plan, ClosedFormEngine(store, stop_after=stop_after), history)
    searched(plan, ClosedFormEngine(store), history)
    within = points(within_budget(plan, history))
    # The eleventh began within it; those in progress meanwhile are trained, and count for nothing.
    assert within == endless[:11]
    assert len(history.trials()) < 40
