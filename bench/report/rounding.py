"""Numbers as the page carries them: four significant digits in its data, three in its text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

_DIGITS = 4


def compact(values: Any) -> Any:
    """Numbers, or nested lists, arrays and dicts of them, ready for JSON.

    Four significant digits are more than any plot resolves and half the size. What is not finite
    becomes None; text, counts and truth values stay as they are.
    """
    if isinstance(values, dict):
        return {key: compact(item) for key, item in values.items()}
    if isinstance(values, np.ndarray | np.generic):
        return compact(values.tolist())
    if isinstance(values, list | tuple):
        return [compact(item) for item in values]
    if isinstance(values, float):
        if not math.isfinite(values):
            return None
        rounded = float(f"{values:.{_DIGITS}g}")
        return int(rounded) if rounded.is_integer() else rounded
    return values


def decimals(values: Iterable[float]) -> int:
    """Decimals that show three digits of the largest of some numbers, and three at least."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return 3
    return max(3, 2 - math.floor(math.log10(largest)))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them: 7.5 s, 12.0 min, 3.4 h."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
