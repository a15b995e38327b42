"""What killed commands leave behind is removed by the next; what is in use is not."""

import os
import socket
import subprocess
import sys
import tempfile
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
    for name in ("sae-bench-a", "pymp-dead", "pymp-alive", "pymp-other", "pymp-empty"):
        (place / name).mkdir()
    (place / "sae-bench-a" / "in-use").touch()
    (place / "pymp-other" / "file").touch()
    with (
        socket.socket(socket.AF_UNIX) as deaf,
        socket.socket(socket.AF_UNIX) as listens,
        scratch_folder() as ours,
    ):
        deaf.bind("pymp-dead/listener-x")
        listens.bind("pymp-alive/listener-y")
        listens.listen()
        scratch.sweep()
        assert ours.is_dir()
        left = {path.name for path in place.iterdir()} - {ours.name}
    assert left == {"pymp-alive", "pymp-other", "pymp-empty"}
    assert not ours.exists()


def test_what_has_just_been_made_may_not_be_in_use_yet(place: Path) -> None:
    (place / "sae-bench-new").mkdir()
    scratch.sweep()
    assert (place / "sae-bench-new").exists()
