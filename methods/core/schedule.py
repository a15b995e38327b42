"""Schedules are pure functions of progress: there is no scheduler state to save or to get wrong.

Progress is a number, or a tensor of no dimension in double precision on the network's device: then
a training step waits for no value, and can be captured once and replayed.
"""

from __future__ import annotations

import torch
from torch import Tensor

Progress = float | Tensor


def linear(start: float, end: float, progress: Progress) -> Progress:
    """The value at ``progress`` in [0, 1] on the straight line from ``start`` to ``end``."""
    # From the nearer end, so that both ends are met exactly, and a constant stays one.
    early, late = start + (end - start) * progress, end - (end - start) * (1 - progress)
    if isinstance(progress, Tensor):  # whose value is not looked at: the device would be waited for
        return torch.where(progress < 0.5, early, late)
    if not 0.0 <= progress <= 1.0:
        raise ValueError(f"progress={progress}: must be in [0, 1]")
    return early if progress < 0.5 else late


def elapsed_since(start: float, progress: Progress) -> Progress:
    """The share of [start, 1] that has passed at ``progress``: 0 until ``start``, 1 at the end."""
    share = (progress - start) / (1 - start)
    return share.clamp(0.0, 1.0) if isinstance(share, Tensor) else min(max(0.0, share), 1.0)
