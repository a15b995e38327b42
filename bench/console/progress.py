"""Progress of a command: a bar on a terminal; in a log, one plain line a minute."""

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

EVERY_S = 60.0


class Progress:
    """A context that counts what is done, on stderr.

    Args:
        total: how many there are; 0 shows nothing.
        unit: of what, in the singular.
        title: in front of a bar, e.g. what is being made.
        keep: leave the full bar on the screen.
    """

    def __init__(self, total: int, *, unit: str, title: str = "", keep: bool = True) -> None:
        self._total, self._unit, self._title = total, unit, title
        self._stream: TextIO = sys.stderr
        on_terminal = self._stream.isatty()
        self._bar = tqdm(
            total=total, unit=unit, desc=title or None, leave=keep, smoothing=0.1,
            file=self._stream, disable=not (on_terminal and total),
        )  # fmt: skip
        self._writes_lines = not on_terminal and total > 0
        self._start = time.monotonic()
        self._done = self._failed = 0
        self._over = threading.Event()
        self._writer = threading.Thread(target=self._write_every_minute, daemon=True)

    def __enter__(self) -> Self:
        if self._writes_lines:
            self._writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._writes_lines:
            self._over.set()
            self._writer.join()
            self.note(self.line())

    def update(self, done: int = 1, *, failed: int = 0) -> None:
        """Count; what failed is among what is done."""
        self._done += done
        self._failed += failed
        self._bar.update(done)

    def name(self, what: str) -> None:
        """Show what is in progress at the end of the bar."""
        self._bar.set_postfix_str(what)

    def note(self, text: str) -> None:
        """Write a line, above the bar if there is one."""
        tqdm.write(text, file=self._stream)

    def line(self) -> str:
        """How far it is, in one plain line."""
        minutes = (time.monotonic() - self._start) / 60
        title = f"{self._title}: " if self._title else ""
        text = f"{title}{self._done} of {self._total} {self._unit}s done"
        if self._failed:
            text += f", {self._failed} failed"
        if self._done and minutes > 0:
            rate = self._done / minutes
            left = (self._total - self._done) / rate
            text += f", {rate:.3g} a minute, {duration(60 * left)} left"
        return text

    def _write_every_minute(self) -> None:
        while not self._over.wait(EVERY_S):
            self.note(self.line())


def duration(seconds: float) -> str:
    """A time to read: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
