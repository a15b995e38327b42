"""How numbers read in a table's cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

MISSING = "-"
_FACTORS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, digits: int = 3) -> str:
    """A value to ``digits`` decimals, never a negative zero; NaN reads ``MISSING``."""
    return MISSING if math.isnan(value) else f"{value:z.{digits}f}"


def between(low: float, high: float, digits: int = 3) -> str:
    """``[low, high]``; nothing where there is no interval."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def interval(estimate: float, low: float, high: float, digits: int = 3) -> str:
    """``estimate [low, high]``; the estimate alone where there is no interval."""
    return f"{number(estimate, digits)} {between(low, high, digits)}".rstrip()


def spread(mean: float, std: float, digits: int = 1) -> str:
    """``mean +- std``; the mean alone where a single value has no deviation."""
    text = number(mean, digits)
    return text if math.isnan(std) else f"{text} +- {number(std, digits)}"


def cost(value: float) -> str:
    """FLOPs or parameters to three digits: 12.3k, 3.21G."""
    if math.isnan(value):
        return MISSING
    for factor, suffix in _FACTORS:
        if float(f"{value:.3g}") >= factor:  # as printed: 999,600 is 1M, not 1e+03k
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.0f}"


def cost_range(values: Iterable[float], times: float = math.nan) -> str:
    """The costs of the seeds, as a range where they differ, and how many times ``times`` that is.

    SAE learns which exits it keeps, so that two seeds may be networks of different costs.
    """
    low, high = min(values := list(values)), max(values)
    text = "-".join(dict.fromkeys((cost(low), cost(high))))
    if math.isnan(times):
        return text
    return f"{text} ({'-'.join(dict.fromkeys((f'{low / times:.2f}', f'{high / times:.2f}')))}x)"


def seeds(count: int, expected: int) -> str:
    """How many seeds stand behind a row; fewer than the most complete configuration's are said."""
    return str(count) if count >= expected else f"{count} of {expected} seeds"


def starred(
    texts: Sequence[str], values: Sequence[float], direction: str, competing: Sequence[bool]
) -> list[str]:
    """The texts; those of competing rows that begin with the best value, as printed, end in a star.

    Compared as printed: two values that read the same are equally best to the reader.
    """
    pairs = zip(values, competing, strict=True)
    measured = [value for value, competes in pairs if competes and not math.isnan(value)]
    if not measured:
        return list(texts)
    best = number(max(measured) if direction == "higher" else min(measured))
    return [
        f"{text} *" if competes and text.split(" ")[0] == best else text
        for text, competes in zip(texts, competing, strict=True)
    ]
