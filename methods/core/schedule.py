"""Schedules are pure functions of progress: there is no scheduler state to save or to get wrong."""

from __future__ import annotations


def linear(start: float, end: float, progress: float) -> float:
    """The value at ``progress`` in [0, 1] on the straight line from ``start`` to ``end``."""
    if not 0.0 <= progress <= 1.0:
        raise ValueError(f"progress={progress}: must be in [0, 1]")
    # From the nearer end, so that both ends are met exactly, and a constant stays one.
    if progress < 0.5:
        return start + (end - start) * progress
    return end - (end - start) * (1 - progress)
