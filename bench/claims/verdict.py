"""Verdicts: what an interval says about a bound, and how the parts of a claim add up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["supported", "not supported", "undecided", "no data"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that a claim says and that was measured.

    Attributes:
        what: what was measured, e.g. "accuracy, I/B minus NN Ensemble".
        rule: what the claim wants of it, e.g. ">= -0.03".
        verdict: does it hold?
        estimate: the measured value; NaN without data.
        low, high: its 95% interval; NaN for exact numbers, such as costs.
        unit: of the estimate, "x" for ratios.
        note: what else there is to say.
    """

    what: str
    rule: str
    verdict: Verdict
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the records say about a claim.

    Attributes:
        verdict: of the claim as a whole.
        parts: what was measured.
        remark: what was compared, or what is missing.
        config_ids: the configurations behind it; all of their runs were read.
    """

    verdict: Verdict
    parts: tuple[Part, ...] = ()
    remark: str = ""
    config_ids: tuple[str, ...] = ()


def no_data(remark: str) -> Finding:
    """A finding of nothing: ``remark`` says what is missing."""
    return Finding(verdict="no data", remark=remark)


def at_least(low: float, high: float, bound: float) -> Verdict:
    """Is a value with this 95% interval at least ``bound``?

    Supported if the whole interval is, not supported if none of it is, else undecided; no data
    where there is no interval.
    """
    if math.isnan(low) or math.isnan(high):
        return "no data"
    if low >= bound:
        return "supported"
    return "not supported" if high < bound else "undecided"


def at_most(low: float, high: float, bound: float) -> Verdict:
    """Is a value with this 95% interval at most ``bound``? See ``at_least``."""
    return at_least(-high, -low, -bound)


def exact(holds: bool) -> Verdict:
    """The verdict on a number without uncertainty."""
    return "supported" if holds else "not supported"


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Every part has to hold.

    One part that does not decides. Parts without data leave the rest undecided, unless there is
    nothing else.
    """
    found = set(verdicts)
    if "not supported" in found:
        return "not supported"
    if found <= {"no data"}:
        return "no data"
    return "supported" if found == {"supported"} else "undecided"


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """One part has to hold: the mirror of ``all_of``."""
    found = set(verdicts)
    if "supported" in found:
        return "supported"
    if found <= {"no data"}:
        return "no data"
    return "not supported" if found == {"not supported"} else "undecided"
