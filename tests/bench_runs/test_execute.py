"""Where runs execute. Killed workers and coordinators: see test_sweeps.py."""

import dataclasses
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
import torch

from bench import execute as execute_module
from bench.config import RunConfig
from bench.errors import UserError
from bench.execute import Context, Outcome, WorkerDied, default_device, execute, run_and_store
from bench.records import Record, StorageError, Store, seal
from bench.run import failure, run_one
from bench_runs.tiny_runs import config, folder_bytes, without_circumstances

Run = Callable[..., tuple[Record, dict[str, bytes]]]


def outcomes(configs: Sequence[RunConfig], context: Context, workers: int = 0) -> list[Outcome]:
    return list(execute(configs, context, workers=workers))


def failing_for(broken: str, error: BaseException) -> Any:
    """``run_one``, but one method's runs raise ``error``."""

    def run(chosen: RunConfig, **options: Any) -> Any:
        if chosen.method == broken:
            raise error
        return run_one(chosen, **options)

    return run


def test_a_sweep_stores_what_a_single_run_gives(run: Run, context: Context, store: Store) -> None:
    options: dict[str, Any] = {"rate": 0.3}
    configs = [config(), config("mc_dropout", **options)]
    done = outcomes(configs, context)
    assert done == [Outcome(run_id=c.run_id, status="done") for c in configs]
    for chosen, (record, files) in zip(configs, [run(), run("mc_dropout", **options)], strict=True):
        stored = store.load(chosen.run_id)
        assert stored is not None
        assert stored["files"] == {name: len(content) for name, content in files.items()}
        del stored["files"]
        assert without_circumstances(stored) == without_circumstances(record)
        assert folder_bytes(store.folder(chosen.run_id)) == files


def test_a_failing_run_is_recorded_and_the_sweep_goes_on(
    context: Context, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failing_for("mc_dropout", ZeroDivisionError("no luck"))
    monkeypatch.setattr(execute_module, "run_one", run)
    configs = [config(), config("mc_dropout"), config(seed=1)]
    assert [o.status for o in outcomes(configs, context)] == ["done", "failed", "done"]
    record = store.load(configs[1].run_id)
    assert record is not None
    assert (record["status"], record["error"]["message"]) == ("failed", "no luck")
    assert "ZeroDivisionError" in record["error"]["traceback"]
    assert folder_bytes(store.folder(configs[1].run_id)) == {}


def test_a_recorded_run_is_not_run_again_done_or_failed(
    context: Context, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute_module, "run_one", lambda *_, **__: pytest.fail("it ran"))
    store.save(failure(config(), ZeroDivisionError()), {})
    store.save({**failure(config(seed=1), ZeroDivisionError()), "status": "done"}, {})
    found = outcomes([config(), config(seed=1)], context)
    assert [outcome.status for outcome in found] == ["failed", "done"]


@pytest.mark.parametrize("error", [UserError("no data"), StorageError("full"), KeyboardInterrupt()])
def test_what_is_not_the_runs_fault_stops_the_sweep(
    context: Context, store: Store, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(execute_module, "run_one", failing_for("mc_dropout", error))
    sweep = execute([config(), config("mc_dropout"), config(seed=1)], context, workers=0)
    assert next(sweep).status == "done"
    with pytest.raises(type(error)):
        next(sweep)
    assert [record["run_id"] for record in store.records()] == [config().run_id]
    # The lock is free again.
    with store.lock(config("mc_dropout").run_id, wait=False) as held:
        assert held


def test_a_busy_run_comes_last(
    context: Context, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, free = config(), config(seed=1)
    sweep = execute([busy, free], context, workers=0)
    with store.lock(busy.run_id, wait=False) as held:
        assert held
        assert run_and_store(busy, context, wait_for_others=False).status == "busy"
        assert next(sweep) == Outcome(run_id=free.run_id, status="done")
        # The other process finishes it.
        store.save({**failure(busy, ZeroDivisionError()), "status": "done"}, {})
    monkeypatch.setattr(execute_module, "run_one", lambda *_, **__: pytest.fail("it ran twice"))
    assert list(sweep) == [Outcome(run_id=busy.run_id, status="done")]


def test_a_death_is_not_recorded_over_a_finished_run(context: Context, store: Store) -> None:
    # Done by another process, or by a worker whose neighbour broke the pool before it could say so.
    store.save({**failure(config(), ZeroDivisionError()), "status": "done"}, {})
    outcome = execute_module._record_death(config(), context)
    assert outcome == Outcome(run_id=config().run_id, status="done")


class FakePool:
    """Workers that run nothing until their pool is full; the method "sae" kills its worker.

    A pool of one runs each task at once. In a larger one the tasks wait side by side until a
    deadly one arrives, which breaks the pool for all of them, or until no more can come.
    """

    deaths: int = 0
    hears_ctrl_c: bool = False

    def __init__(self, max_workers: int, **_: Any) -> None:
        self.max_workers = max_workers
        self.waiting: list[tuple[Future[Outcome], Callable[[], Outcome]]] = []

    def submit(self, task: Any, chosen: RunConfig, *args: Any, **options: Any) -> Future[Outcome]:
        FakePool.hears_ctrl_c |= signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        future: Future[Outcome] = Future()
        self.waiting.append((future, lambda: task(chosen, *args, **options)))
        if chosen.method == "sae":
            FakePool.deaths += 1
            for each, _ in self.waiting:
                each.set_exception(BrokenProcessPool("a worker died"))
            self.waiting = []
        elif len(self.waiting) == self.max_workers:
            for each, run in self.waiting:
                try:
                    each.set_result(run())
                except UserError as error:
                    each.set_exception(error)
            self.waiting = []
        return future

    def shutdown(self, **_: Any) -> None:
        pass


@pytest.fixture
def fake_pool(monkeypatch: pytest.MonkeyPatch, run: Run) -> type[FakePool]:
    def instantly(chosen: RunConfig, **_: Any) -> Any:
        return run(chosen.method, seed=chosen.seed)

    monkeypatch.setattr(execute_module, "ProcessPoolExecutor", FakePool)
    monkeypatch.setattr(execute_module, "run_one", instantly)
    monkeypatch.setattr(FakePool, "deaths", 0)
    monkeypatch.setattr(FakePool, "hears_ctrl_c", False)
    return FakePool


def test_a_dying_run_is_tried_twice_and_recorded(
    context: Context, store: Store, fake_pool: type[FakePool]
) -> None:
    configs = [config("sae"), config(), config(seed=1)]
    found = {o.run_id: o.status for o in outcomes(configs, context, workers=1)}
    assert found == {
        configs[0].run_id: "failed", configs[1].run_id: "done", configs[2].run_id: "done",
    }  # fmt: skip
    assert fake_pool.deaths == 2
    record = store.load(configs[0].run_id)
    assert record is not None
    assert record["error"]["type"] == WorkerDied.__name__
    assert record["error"]["message"].startswith("its worker process died ")


def test_a_dying_run_takes_no_neighbour_with_it(
    context: Context, store: Store, fake_pool: type[FakePool]
) -> None:
    configs = [config(), config("sae")]
    found = {o.run_id: o.status for o in outcomes(configs, context, workers=2)}
    assert found == {configs[0].run_id: "done", configs[1].run_id: "failed"}
    assert fake_pool.deaths == 2


def test_a_worker_that_dies_between_two_runs_loses_none(
    context: Context, fake_pool: type[FakePool], monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, calls = fake_pool.submit, iter(range(100))

    def second_is_refused(*args: Any, **options: Any) -> Any:
        if next(calls) == 1:
            raise BrokenProcessPool("an idle worker died")
        return submit(*args, **options)

    monkeypatch.setattr(fake_pool, "submit", second_is_refused)
    configs = [config(seed=seed) for seed in range(3)]
    found = outcomes(configs, context, workers=1)
    assert sorted(o.run_id for o in found) == [c.run_id for c in configs]
    assert {o.status for o in found} == {"done"}


def test_workers_are_started_deaf_to_ctrl_c(context: Context, fake_pool: type[FakePool]) -> None:
    # A worker that is still importing torch when it comes would print a traceback.
    outcomes([config()], context, workers=1)
    assert not fake_pool.hears_ctrl_c
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_error_of_the_user_stops_the_workers_too(
    context: Context, store: Store, fake_pool: type[FakePool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("full")

    monkeypatch.setattr(Store, "save", full)
    sweep = execute([config(), config(seed=1)], context, workers=1)
    with pytest.raises(StorageError, match="full"):
        next(sweep)
    assert list(store.records()) == []


def test_this_process_gets_one_thread_and_no_denormals(context: Context) -> None:
    outcomes([], context)
    assert torch.get_num_threads() == 1
    assert float(torch.tensor([1e-39]) * 1.0) == 0.0


def test_the_device_auto_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda answer=available: answer)
        assert default_device("auto") == name
    assert default_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["nonsense", "", "cpu:x", "cuda:99"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(UserError, match=rf"--device {name}: not usable here \(.+\); try cpu"):
        default_device(name)


def test_a_run_on_a_bad_device_is_a_recorded_failure(context: Context, store: Store) -> None:
    bad = dataclasses.replace(context, device="nonsense")
    assert [o.status for o in outcomes([config()], bad)] == ["failed"]
    assert seal(next(store.records()))["error"]["type"] == "RuntimeError"
