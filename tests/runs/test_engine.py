"""The engine: in this process, and on workers that come, go and die (here: threads)."""

import contextlib
import dataclasses
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from made_records import fields, made
from narrowed import error_of

from bench.errors import UserError
from bench.executors.workers import WorkerDied
from bench.records.store import StorageError, Store
from bench.runs import execute as execute_module
from bench.runs import run as run_module
from bench.runs.config import RunConfig
from bench.runs.execute import RunStatus, engine, execute, run_and_store
from bench.runs.settings import SweepSettings
from runs.tiny_runs import Run, config

PATIENCE_S = 120.0


def test_in_this_process_a_submitted_run_is_done_at_once(
    context: SweepSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(context, workers=0) as here:
        assert here.slots == 1
        assert here.submit(config()).result(timeout=0).status == "done"
        with store.lock(config(seed=1).run_id, wait=True):
            future = here.submit(config(seed=1), wait_for_others=False)
        assert future.result(timeout=0).status == "busy"

        def raising(*_: Any, **__: Any) -> Any:
            raise UserError("data")

        monkeypatch.setattr(run_module, "run_one", raising)
        assert isinstance(here.submit(config(seed=2)).exception(timeout=0), UserError)


class FakeCluster:
    """Workers that are threads; the method "sae" kills its worker, twice."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.at_once, self.most_at_once = 0, 0
        self.contexts: list[SweepSettings] = []
        self.counting, self.closed = threading.Lock(), threading.Event()

    def call(
        self, _task: Any, chosen: RunConfig, context: SweepSettings, **options: Any
    ) -> RunStatus:
        with self.counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.contexts.append(context)
        try:
            if chosen.method == "sae":
                raise WorkerDied
            if chosen.method == "ensemble":  # it takes until the end
                self.closed.wait(PATIENCE_S)
                raise CancelledError
            return run_and_store(chosen, context, **options)
        finally:
            with self.counting:
                self.at_once -= 1

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, run: Run) -> FakeCluster:
    fake = FakeCluster(2)

    def instantly(chosen: RunConfig, **_: Any) -> Any:
        return run(chosen.method, seed=chosen.seed)

    monkeypatch.setattr(run_module, "run_one", instantly)
    monkeypatch.setattr(execute_module, "_workers", lambda *_: contextlib.nullcontext(fake))
    return fake


def test_a_run_whose_worker_died_is_recorded_and_the_others_are_done(
    context: SweepSettings, store: Store, cluster: FakeCluster
) -> None:
    configs = [config(), config("sae"), config(seed=1)]
    found = {o.run_id: o.status for o in execute(configs, context, workers=2)}
    assert [found[c.run_id] for c in configs] == ["done", "failed", "done"]
    error = error_of(store.load(configs[1].run_id))
    assert error.type == "WorkerDied"
    assert error.message == "its worker process died twice (out of memory, killed)"


def test_no_more_runs_are_submitted_than_there_are_slots(
    context: SweepSettings, store: Store, cluster: FakeCluster
) -> None:
    # After an error of the user's, what is in line would still be run.
    configs = [config(seed=seed) for seed in range(6)]
    found = list(execute(configs, context, workers=2))
    assert sorted(o.run_id for o in found) == sorted(c.run_id for c in configs)
    assert cluster.most_at_once <= 2
    assert len(list(store.records())) == 6


def test_slots_grow_as_workers_join(context: SweepSettings, cluster: FakeCluster) -> None:
    cluster.slots = 0
    with engine(context, workers=2) as found:
        assert found.slots == 1  # a run can be submitted; it waits for a worker
        cluster.slots = 5
        assert found.slots == 5


def test_a_sweep_sees_workers_that_join(
    context: SweepSettings, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first run ends with the block; the other one is submitted for the second worker.
    monkeypatch.setattr(execute_module, "_LOOK_AGAIN_S", 0.05)
    cluster.slots = 1
    sweep = execute([config("ensemble"), config()], context, workers=2)
    threading.Timer(0.2, lambda: setattr(cluster, "slots", 2)).start()
    assert next(sweep).run_id == config().run_id
    sweep.close()


def test_at_the_end_of_the_block_no_run_goes_on(
    context: SweepSettings, cluster: FakeCluster
) -> None:
    before = threading.active_count()
    with engine(context, workers=2) as chosen:
        endless = chosen.submit(config("ensemble"))
        assert not endless.done()
    assert cluster.closed.is_set()
    assert threading.active_count() == before
    with pytest.raises(CancelledError):
        endless.result(timeout=0)


def test_workers_get_absolute_folders(
    context: SweepSettings, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(context.results.parent)
    relative = dataclasses.replace(context, results=Path("results"), data=Path("somewhere"))
    assert [o.status for o in execute([config()], relative, workers=2)] == ["done"]
    (sent,) = cluster.contexts
    # The fixture's folder may lie behind a link.
    assert sent.results.is_absolute()
    assert sent.results == context.results.resolve()
    assert sent.data == context.results.parent.resolve() / "somewhere"


def test_an_error_of_the_user_stops_the_workers_too(
    context: SweepSettings, store: Store, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("full")

    monkeypatch.setattr(Store, "save", full)
    sweep = execute([config(seed=seed) for seed in range(9)], context, workers=1)
    with pytest.raises(StorageError, match="full"):
        next(sweep)
    assert list(store.records()) == []
    assert len(cluster.contexts) <= 2
    assert cluster.closed.is_set()


def test_a_death_is_not_recorded_over_a_finished_run(context: SweepSettings, store: Store) -> None:
    # Done by another process, or by a worker whose neighbour broke the pool before it could say so.
    store.save(made(fields(config())), {})
    outcome = run_and_store(config(), context, wait_for_others=True, death=WorkerDied())
    assert outcome == RunStatus(run_id=config().run_id, status="done")
