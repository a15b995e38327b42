"""Bars on a terminal, plain lines elsewhere."""

import io
import sys
import threading

import pytest

from bench.console import progress
from bench.console.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds, as its last element."""
    times = [100.0]
    monkeypatch.setattr("bench.console.progress.time.monotonic", lambda: times[-1])
    return times


def test_a_line_has_what_is_done_what_failed_the_rate_and_the_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(10, unit="run") as counted:
        assert counted.line() == "0 of 10 runs done"
        clock.append(220.0)
        counted.update()
        counted.update(3, failed=1)
        assert counted.line() == "4 of 10 runs done, 1 failed, 2 a minute, 3 min left"
    assert capsys.readouterr().err == f"{counted.line()}\n"  # once more at the end


def test_in_a_log_a_line_comes_every_minute_whatever_ends_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = threading.Semaphore(0)

    class Log(io.StringIO):
        def write(self, text: str) -> int:
            written.release()
            return super().write(text)

    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    monkeypatch.setattr(sys, "stderr", log := Log())
    with Progress(2, unit="set", title="corrupting digits"):
        for _ in range(4):
            assert written.acquire(timeout=60)
    lines = log.getvalue().splitlines()
    assert len(lines) >= 2
    assert set(lines) == {"corrupting digits: 0 of 2 sets done"}
    assert "\r" not in log.getvalue()


def test_on_a_terminal_there_is_a_bar_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with Progress(2, unit="run") as counted:
        counted.name("sae on digits")
        counted.update(2)
        counted.note("failed: digits-sae-s0")
    assert "2/2" in screen.getvalue()
    assert "sae on digits" in screen.getvalue()
    assert "failed: digits-sae-s0\n" in screen.getvalue()
    assert "runs done" not in screen.getvalue()


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_nothing_to_do_shows_nothing(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", empty := stream())
    with Progress(0, unit="run"):
        pass
    assert empty.getvalue() == ""


def test_durations_are_for_reading() -> None:
    assert [duration(s) for s in (0.4, 99, 101, 5990, 12_000)] == [
        "0 s", "99 s", "2 min", "1 h 40 min", "3 h 20 min",
    ]  # fmt: skip
