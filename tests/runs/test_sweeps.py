"""Real command lines and worker processes: killed, interrupted, and two at a time."""

import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.compare import main
from bench.records.schema import FailedRun
from bench.records.store import Store
from methods import METHODS
from runs.tiny_runs import (
    HERE,
    TINY,
    Run,
    config,
    folder_bytes,
    start,
    without_circumstances,
)

PATIENCE_S = 180.0


def group_members(group: int) -> list[psutil.Process]:
    """The processes of a process group that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
        # Its last helper closes its pipes a moment before it is gone.
        _, alive = psutil.wait_procs(group_members(process.pid), timeout=PATIENCE_S)
        assert alive == [], "a process of the command lives on"
    finally:
        for lasting in group_members(process.pid):  # only if the test fails
            lasting.kill()
    return process.returncode, out, err


def line_of(pipe: Path) -> str:
    """What is written to a named pipe first."""
    with pipe.open("r+b", buffering=0) as file:
        assert select.select([file], [], [], PATIENCE_S)[0], "the second run has not begun"
        return file.read(100).decode()


@pytest.fixture
def extra_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """The methods of the driver in this process too."""
    files = map(str, (HERE / "extra_methods").glob("*.py"))
    monkeypatch.setenv(METHODS.variable, os.pathsep.join(files))


def is_deaf_to_ctrl_c(pid: int) -> bool:
    """Whether SIGINT (bit 1) is blocked or ignored by a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = dict(line.split(":") for line in status.splitlines() if line.startswith("Sig"))
    return any(int(masks[name], 16) >> (signal.SIGINT - 1) & 1 for name in ("SigBlk", "SigIgn"))


def assert_whole(store: Store, run: Run, *known: tuple[str, dict[str, Any]]) -> None:
    """The stored runs are bit by bit those of this process."""
    for method, options in known:
        record, files = run(method, **options)
        stored = store.load(config(method, **options).run_id)
        assert stored is not None
        on_disk = folder_bytes(store.folder(stored.run_id))
        assert on_disk.keys() == files.keys()
        # By name: a diff of their bytes would take pytest minutes.
        assert [name for name in files if on_disk[name] != files[name]] == []
        assert without_circumstances(stored) == without_circumstances(record)


@pytest.mark.slow
def test_workers_give_the_same_bits_and_a_dying_run_is_recorded(
    results: Path, run: Run, tmp_path: Path
) -> None:
    store = Store(results)
    code, out, err = finish(
        start(
            *TINY, "--results", str(results), "--workers", "2", "--set", "sae.n_inputs=2",
            "--set", "sae.n_exits=2", "--methods", "dying,sae,standard",
            DYING_LOG=str(tmp_path / "deaths"),
        )
    )  # fmt: skip
    assert code == 1, err
    # Its run is tried once more.
    assert (tmp_path / "deaths").read_text() == "died\n" * 2
    (dying,) = [record for record in store.records() if isinstance(record, FailedRun)]
    assert dying.config.method.name == "dying"
    assert dying.error.message.startswith("its worker process died ")
    assert f"failed {dying.run_id} ({dying.label}): WorkerDied: its worker process died" in out
    assert "3 runs, 0 of them already in" in err
    assert_whole(store, run, ("standard", {}), ("sae", {"n_inputs": 2, "n_exits": 2}))
    assert list((results / ".partial").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("strike", [signal.SIGINT, signal.SIGKILL])  # SIGTERM: cli/
def test_a_sweep_that_is_struck_in_mid_run_goes_on_where_it_stopped(
    results: Path,
    run: Run,
    tmp_path: Path,
    extra_methods: None,
    monkeypatch: pytest.MonkeyPatch,
    strike: signal.Signals,
) -> None:
    mark, store = tmp_path / "mark", Store(results)
    arguments = [*TINY, "--results", str(results), "--methods", "standard,sleepy"]
    os.mkfifo(mark)
    sweep = start(*arguments, "--workers", "1", SLEEPY_MARK=str(mark))
    worker = psutil.Process(int(line_of(mark)))
    assert worker.pid != sweep.pid
    assert is_deaf_to_ctrl_c(worker.pid)
    assert not is_deaf_to_ctrl_c(sweep.pid)
    assert [record.config.method.name for record in store.records()] == ["standard"]
    if strike == signal.SIGKILL:
        sweep.kill()
    else:
        os.killpg(sweep.pid, strike)  # as a terminal and a batch system do
    code, out, err = finish(sweep)  # of the whole group: the worker would sleep for ever
    assert worker not in group_members(sweep.pid)
    if strike == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert (code, out) == (128 + strike, "")
        assert err.endswith(
            "interrupted: finished runs are kept; the same command goes on where this one stopped\n"
        )
        assert "Traceback" not in err
        assert list((results / ".partial").iterdir()) == []
    assert_whole(store, run, ("standard", {}))
    # The same command, this time without a nap.
    before = store.folder(config().run_id).stat().st_mtime_ns
    assert main([*arguments, "--workers", "0"]) == 0
    assert [r.config.method.name for r in store.records()] == ["sleepy", "standard"]
    assert store.folder(config().run_id).stat().st_mtime_ns == before
    assert list((results / ".partial").iterdir()) == []


@pytest.mark.slow
def test_two_sweeps_on_one_folder_lose_and_double_nothing(results: Path, run: Run) -> None:
    # The real command line, all corruptions; the driver of the other tests beside it.
    arguments = [*TINY, "--results", str(results), "--workers", "0", "--methods", "standard"]
    seeds = ["--seeds", "0,1,2,3"]
    sweeps = [start(*arguments, *seeds), start(*arguments, *seeds)]
    ends = [finish(sweep) for sweep in sweeps]
    assert [code for code, _, _ in ends] == [0, 0], ends
    store = Store(results)
    assert [record.config.seed for record in store.records()] == [0, 1, 2, 3]
    assert {record.status for record in store.records()} == {"done"}
    # Nothing was set aside, replaced or left over, and both saw everything.
    assert not (results / "set-aside").exists()
    assert list((results / ".partial").iterdir()) == []
    tables = {out[: out.index("all configurations")] for _, out, _ in ends}
    assert len(tables) == 1
    assert "(1 configurations, 4 runs)" in tables.pop()
    assert_whole(store, run, ("standard", {}), ("standard", {"seed": 3}))
