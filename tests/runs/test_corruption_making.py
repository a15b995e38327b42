"""Corrupted sets made before the runs: here, and by processes, which import this file."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.shift import table as corruptions
from bench.shift.augmenters import Images
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.parallel import make_absent
from bench.shift.table import SEVERITIES


def images() -> Images:
    return np.random.default_rng(0).integers(0, 256, (3, 9, 8, 1), dtype=np.uint8)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_processes_make_the_same_files_as_this_one(tmp_path: Path) -> None:
    here, there = (
        CorruptedSets(images_BHWQ=images(), key="a", cache=tmp_path / name)
        for name in ("here", "there")
    )
    n_sets = len(corruptions.CORRUPTIONS) * len(SEVERITIES)
    assert len(there.absent()) == n_sets > 0
    make_absent(here, processes=1)
    make_absent(there, processes=2)
    assert here.absent() == there.absent() == []
    assert len(content(here.cache)) == n_sets
    assert content(here.cache) == content(there.cache)


def test_only_what_is_absent_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = CorruptedSets(images_BHWQ=images(), key="a", cache=tmp_path)
    make_absent(sets, processes=0)
    before = content(tmp_path)
    lost = next(tmp_path.glob("contrast-3-*"))
    lost.unlink()
    assert sets.absent() == [("contrast", 3)]
    made = []
    get = CorruptedSets.get

    def spy(sets: CorruptedSets, name: str, severity: int) -> Images:
        made.append((name, severity))
        return get(sets, name, severity)

    monkeypatch.setattr(CorruptedSets, "get", spy)
    make_absent(sets, processes=1)
    make_absent(sets, processes=8)  # nothing left: no process is started
    assert made == [("contrast", 3)]
    assert content(tmp_path) == before


class Unwritable(CorruptedSets):
    def get(self, name: str, severity: int) -> None:  # type: ignore[override]
        raise OSError(f"no room for {name}")


class Deadly(CorruptedSets):
    def get(self, name: str, severity: int) -> None:  # type: ignore[override]
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_that_can_not_be_written_ends_it(tmp_path: Path, processes: int) -> None:
    sets = Unwritable(images_BHWQ=images(), key="a", cache=tmp_path)
    with pytest.raises(OSError, match="no room for"):
        make_absent(sets, processes=processes)


@pytest.mark.slow
def test_a_killed_process_leaves_the_rest_to_the_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        make_absent(Deadly(images_BHWQ=images(), key="a", cache=tmp_path), processes=2)
    assert "a process that corrupted a was killed" in caplog.text


@pytest.mark.slow
def test_idle_processes_end_with_a_killed_command(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal
import numpy as np
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.parallel import _there
if __name__ == "__main__":
    images = np.zeros((2, 8, 8, 1), np.uint8)
    sets = CorruptedSets(images_BHWQ=images, key="a", cache=pathlib.Path({str(tmp_path)!r}))
    made = _there(sets, sets.absent()[:2], 2)
    next(made), next(made)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    # It comes back when the last process that has the command's output is gone.
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, timeout=180)
    assert done.returncode == -signal.SIGKILL
