"""A small run of the campaign: nothing lost, no traceback, nothing silently other or outside."""

import logging
from pathlib import Path

import pytest

from perf.damage import campaign


def test_nothing_is_harmed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    counts = campaign(tmp_path, 1, n_bytes=8, n_kills=1, names=("merge",))
    assert {name: count for name, count in counts.items() if name.startswith("HARM")} == {
        "HARM lost": 0, "HARM traceback": 0, "HARM silently other": 0, "HARM outside": 0,
    }  # fmt: skip
    assert counts["damages found by verify"] == 8
    assert counts["hostile records read"] >= 25
