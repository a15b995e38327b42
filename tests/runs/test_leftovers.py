"""What killed commands leave behind is removed by the next; what is in use is not."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from bench.executors import scratch
from bench.executors.scratch import scratch_folder
from bench.records.store import Store
from bench.runs.leftovers import in_use, sweep


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def strew(results: Path, pid: int) -> list[Path]:
    """A results folder as a killed command leaves it; what is to go."""
    for root in (results, results / "search"):
        Store(root)
        (root / ".partial" / "toy-a-s0").mkdir()
        (root / ".partial" / "toy-a-s0" / "weights.safetensors").write_text("half")
        (root / ".partial" / "toy-b-s0-removed").mkdir()
    (results / ".cache" / "deep").mkdir(parents=True)
    (results / ".cache" / "deep" / ".blur-1.npz.0123.9.partial").write_text("half")
    (results / f".summary.csv.0123.{pid}.partial").write_text("half")
    return [
        *results.glob("**/.partial/*"), *results.rglob("*.partial")
    ]  # fmt: skip


def test_what_is_half_written_is_swept_and_nothing_else(tmp_path: Path, dead: int) -> None:
    doomed = [path for path in strew(tmp_path, dead) if path.name != ".partial"]
    kept = [tmp_path / ".cache" / "blur-1.npz", tmp_path / "summary.csv", tmp_path / ".gitignore"]
    kept += [tmp_path / f".table.csv.0123.{os.getpid()}.partial", tmp_path / "runs" / "toy-a-s0"]
    for path in kept:
        path.touch()
    with in_use(tmp_path):
        assert [path for path in doomed if path.exists()] == []
    assert all(path.exists() for path in kept)


def test_a_folder_that_another_process_uses_is_left_alone(tmp_path: Path, dead: int) -> None:
    with in_use(tmp_path):
        doomed = strew(tmp_path, dead)
        with in_use(tmp_path):
            assert all(path.exists() for path in doomed)
        assert all(path.exists() for path in doomed)
    assert not any(path.exists() for path in doomed if path.name != ".partial")


def test_a_run_that_a_worker_still_writes_is_left_alone(tmp_path: Path, dead: int) -> None:
    strew(tmp_path, dead)
    store = Store(tmp_path)
    with store.lock("toy-a-s0", wait=True):
        sweep(store)
    assert [path.name for path in (tmp_path / ".partial").iterdir()] == ["toy-a-s0"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder; with a short name, for sockets in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", ".")
    return tmp_path


def test_temporary_folders_of_the_dead_are_swept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_YOUNG_S", -1)
    # Of another program: whoever connects to its socket to see if it lives may end it.
    for name in ("sae-bench-a", "pymp-other"):
        (place / name).mkdir()
    (place / "sae-bench-a" / "in-use").touch()
    with scratch_folder() as ours:
        scratch.sweep()
        assert ours.is_dir()
        left = {path.name for path in place.iterdir()} - {ours.name}
    assert left == {"pymp-other"}
    assert not ours.exists()


def test_the_fork_servers_folder_is_held_while_its_process_lives() -> None:
    code = """
        import multiprocessing.util, sys
        from bench.executors import fork_server, scratch
        scratch._YOUNG_S = -1
        fork_server.start()
        print(multiprocessing.util.get_temp_dir(), flush=True)
        sys.stdin.readline()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        folder = Path(process.stdout.readline().strip())
        assert folder.parent.name.startswith("sae-bench-")
        scratch.sweep()
        assert folder.is_dir()
        process.kill()
        process.wait()
        scratch.sweep()
        assert not folder.exists()


def test_what_has_just_been_made_may_not_be_in_use_yet(place: Path) -> None:
    (place / "sae-bench-new").mkdir()
    scratch.sweep()
    assert (place / "sae-bench-new").exists()
