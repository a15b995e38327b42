"""What one thread of this machine can do at most, as torch reaches it: products and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.deploy.latency.timing import interleaved

SIDES = (256, 512, 1024)  # square products; the best counts
COPIED_MIB = 256  # far beyond every cache


def products() -> dict[int, Callable[[], object]]:
    """Float32 products of square matrices, by side."""
    pairs = {side: (torch.randn(side, side), torch.randn(side, side)) for side in SIDES}

    def call(side: int) -> Callable[[], object]:
        left, right = pairs[side]
        out = torch.empty(side, side)
        return lambda: torch.mm(left, right, out=out)

    return {side: call(side) for side in SIDES}


def flops_of_product(side: int) -> int:
    """Additions and multiplications of one product (two a multiply-add)."""
    return 2 * side**3


def copy() -> Callable[[], object]:
    """A copy of COPIED_MIB: read once, written once."""
    source = torch.zeros(COPIED_MIB * 2**18)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def bytes_of_copy() -> int:
    """Bytes read and written."""
    return 2 * COPIED_MIB * 2**20


def measured(*, rounds: int) -> tuple[float, float]:
    """FLOP/s of the best product, bytes/s of a copy."""
    calls: dict[Any, Callable[[], object]] = {**products(), "copy": copy()}
    taken = interleaved(calls, rounds=rounds)
    peak = max(flops_of_product(side) / float(np.median(taken[side])) for side in SIDES)
    return peak, bytes_of_copy() / float(np.median(taken["copy"]))
