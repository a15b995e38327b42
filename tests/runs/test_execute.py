"""Where runs execute. Dask: see test_cluster.py; killed coordinators: see test_sweeps.py."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from made_records import fields, finished
from msgspec.structs import replace
from narrowed import error_of

from bench.errors import UserError
from bench.records.store import StorageError, Store
from bench.runs import run as run_module
from bench.runs.config import RunConfig
from bench.runs.execute import RunStatus, engine, execute, run_and_store
from bench.runs.run import failure, run_one
from bench.runs.settings import SweepSettings
from runs.tiny_runs import Run, config, folder_bytes, without_circumstances


def outcomes(
    configs: Sequence[RunConfig], context: SweepSettings, workers: int = 0
) -> list[RunStatus]:
    return list(execute(configs, context, workers=workers))


def failing_for(broken: str, error: BaseException) -> Any:
    """``run_one``, but one method's runs raise ``error``."""

    def run(chosen: RunConfig, **options: Any) -> Any:
        if chosen.method == broken:
            raise error
        return run_one(chosen, **options)

    return run


def test_a_sweep_stores_what_a_single_run_gives(
    run: Run, context: SweepSettings, store: Store
) -> None:
    options: dict[str, Any] = {"rate": 0.3}
    configs = [config(), config("mc_dropout", **options)]
    done = outcomes(configs, context)
    assert done == [RunStatus(run_id=c.run_id, status="done") for c in configs]
    for chosen, (record, files) in zip(configs, [run(), run("mc_dropout", **options)], strict=True):
        stored = store.load(chosen.run_id)
        assert stored is not None
        assert stored.files == {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items()
        }
        assert without_circumstances(stored) == without_circumstances(record)
        assert folder_bytes(store.folder(chosen.run_id)) == files


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit])
def test_a_failing_run_is_recorded_and_the_sweep_goes_on(
    kind: type[BaseException],
    context: SweepSettings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = failing_for("mc_dropout", kind("no luck"))
    monkeypatch.setattr(run_module, "run_one", run)
    configs = [config(), config("mc_dropout"), config(seed=1)]
    assert [o.status for o in outcomes(configs, context)] == ["done", "failed", "done"]
    error = error_of(store.load(configs[1].run_id))
    assert error.message == "no luck"
    assert kind.__name__ in error.traceback
    assert folder_bytes(store.folder(configs[1].run_id)) == {}


def test_a_failure_whose_message_cannot_be_formatted_is_recorded_too(
    context: SweepSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise LookupError("no text")

    monkeypatch.setattr(run_module, "run_one", failing_for("mc_dropout", UnspeakableError()))
    configs = [config(), config("mc_dropout"), config(seed=1)]
    assert [o.status for o in outcomes(configs, context)] == ["done", "failed", "done"]
    error = error_of(store.load(configs[1].run_id))
    assert error.type == "UnspeakableError"
    assert error.message == "<its message cannot be formatted: LookupError>"
    assert "UnspeakableError" in error.traceback


@pytest.mark.parametrize(
    ("diagnostic", "message"),
    [
        ({"x": "text"}, "Expected `float | array | null`, got `str`"),
        ({"a name": 1.0}, "Expected `str` matching regex"),
        ({"x": torch.ones(3)}, "objects of type Tensor is unsupported"),
        ({"theta": 0.5}, "must be N lists of D numbers"),
    ],
)
def test_a_run_of_which_no_record_can_be_made_is_a_recorded_failure(
    run: Run,
    context: SweepSettings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    diagnostic: dict[str, Any],
    message: str,
) -> None:
    record, files = run()
    history = [replace(record.history[-1], diagnostics=diagnostic)]
    broken = replace(record, history=history)
    monkeypatch.setattr(run_module, "run_one", lambda *_, **__: (broken, files))
    assert [outcome.status for outcome in outcomes([config()], context)] == ["failed"]
    assert message in error_of(store.load(config().run_id)).message
    assert folder_bytes(store.folder(config().run_id)) == {}


def test_a_recorded_run_is_not_run_again_done_or_failed(
    context: SweepSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "run_one", lambda *_, **__: pytest.fail("it ran"))
    store.save(failure(config(), ZeroDivisionError()), {})
    store.save(finished(fields(config(seed=1))), {})
    found = outcomes([config(), config(seed=1)], context)
    assert [outcome.status for outcome in found] == ["failed", "done"]


@pytest.mark.parametrize("error", [UserError("no data"), StorageError("full"), KeyboardInterrupt()])
def test_what_is_not_the_runs_fault_stops_the_sweep(
    context: SweepSettings, store: Store, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(run_module, "run_one", failing_for("mc_dropout", error))
    sweep = execute([config(), config("mc_dropout"), config(seed=1)], context, workers=0)
    assert next(sweep).status == "done"
    with pytest.raises(type(error)):
        next(sweep)
    assert [record.run_id for record in store.records()] == [config().run_id]
    # The lock is free again.
    with store.lock(config("mc_dropout").run_id, wait=False) as held:
        assert held


def test_a_busy_run_comes_last(
    context: SweepSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, free = config(), config(seed=1)
    sweep = execute([busy, free], context, workers=0)
    with store.lock(busy.run_id, wait=False) as held:
        assert held
        assert run_and_store(busy, context, wait_for_others=False).status == "busy"
        assert next(sweep) == RunStatus(run_id=free.run_id, status="done")
        # The other process finishes it.
        store.save(finished(fields(busy)), {})
    monkeypatch.setattr(run_module, "run_one", lambda *_, **__: pytest.fail("it ran twice"))
    assert list(sweep) == [RunStatus(run_id=busy.run_id, status="done")]


def test_a_search_has_a_store_of_its_own_and_says_so_to_the_run(
    context: SweepSettings, store: Store, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = []

    def spy(chosen: RunConfig, **options: Any) -> Any:
        stages.append(options["stage"])
        assert options["cache"] == results / ".cache"
        return run_one(chosen, **options)

    monkeypatch.setattr(run_module, "run_one", spy)
    search = dataclasses.replace(context, stage="search")
    assert [o.status for o in outcomes([config()], search)] == ["done"]
    assert Store(results / "search").run_ids() == [config().run_id]
    assert store.run_ids() == []
    assert [o.status for o in outcomes([config()], context)] == ["done"]
    assert store.run_ids() == [config().run_id]
    assert stages == ["search", "final"]


def test_this_process_gets_one_thread_and_no_denormals(context: SweepSettings) -> None:
    torch.set_flush_denormal(False)
    with engine(context, workers=0):
        pass
    assert torch.get_num_threads() == 1
    assert float(torch.tensor([1e-39]) * 1.0) == 0.0


def test_a_run_on_a_bad_device_is_a_recorded_failure(context: SweepSettings, store: Store) -> None:
    bad = dataclasses.replace(context, device="nonsense")
    assert [o.status for o in outcomes([config()], bad)] == ["failed"]
    assert error_of(next(store.records())).type == "RuntimeError"
