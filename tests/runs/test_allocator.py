"""Freed memory that is taken again costs no page faults."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from bench.executors.allocator import MMAP_THRESHOLD, keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"

# Arrays as a step takes them: large, several, all freed at its end.
_FAULTS = """
import resource, sys
import numpy as np
from bench.executors.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def step():
    arrays = [np.ones(2**20) for _ in range(8)]
    del arrays

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    answer = subprocess.run(
        [sys.executable, "-c", _FAULTS, how], capture_output=True, check=True, text=True
    )
    return int(answer.stdout)


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told to keep memory")
def test_memory_is_kept() -> None:
    assert 10 * faults("kept") < faults("default")


def test_it_says_whether_it_could() -> None:
    assert keep_freed_memory() == GLIBC
    assert MMAP_THRESHOLD == 256 * 2**20


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_are_left_alone(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_name: None) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert keep_freed_memory() is False
