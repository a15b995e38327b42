"""Verdicts: an interval against a bound, and how the parts of a claim add up.

The one rule: a part holds if its whole interval lies within the bound, and does not hold if none of
it does; else it is undecided, with the difference that the study could have detected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.statistics.crossed import FEWEST_SEEDS, LEVEL, Estimate

Verdict = Literal["supported", "not supported", "undecided", "no data"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One measured part of a claim.

    Attributes:
        what: what was measured, e.g. "Accuracy, gain of I/B over NN Ensemble on test".
        rule: the bound that it has to meet, e.g. ">= -0.03".
        verdict: does it hold?
        estimate: the measured value; NaN without data.
        low, high: its interval; NaN for exact numbers, such as costs.
        detectable: how far from the bound the truth would have to lie for four studies in five
            like this one to decide; NaN for exact numbers.
        unit: of the estimate, "x" for ratios.
        note: what else there is to say.
    """

    what: str
    rule: str
    verdict: Verdict
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    detectable: float = math.nan
    unit: str = ""
    note: str = ""

    @property
    def missed(self) -> str:
        """The difference that an undecided part could have detected; "" for the others."""
        if self.verdict != "undecided" or math.isnan(self.detectable):
            return ""
        return f"could have detected a difference of {self.detectable:.2g}"

    @property
    def remarks(self) -> str:
        """The detectable difference, and the note."""
        return "; ".join(filter(None, [self.missed, self.note]))


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
    """A finding of nothing: ``remark`` names what is missing."""
    return Finding(verdict="no data", remark=remark)


def finding(parts: Sequence[Part], remark: str, config_ids: Iterable[str]) -> Finding:
    """A claim all of whose parts have to hold."""
    return Finding(
        verdict=all_of(part.verdict for part in parts),
        parts=tuple(parts),
        remark=remark,
        config_ids=tuple(dict.fromkeys(config_ids)),
    )


def bounded(what: str, found: Estimate, bound: float, *, level: float = LEVEL) -> Part:
    """Is a value at least ``bound``, or above it where that is 0?

    Args:
        what: what it is.
        found: the estimate; with fewer than `FEWEST_SEEDS` seeds nothing is decided.
        bound: the smallest value that is wanted.
        level: of the two-sided interval: each side errs in (1 - level) / 2 of studies.
    """
    low, high = found.interval(level)
    verdict: Verdict = "undecided"
    note = f"{found.n_seeds} seeds"
    if math.isnan(low):
        verdict = "no data"
    elif found.n_seeds < FEWEST_SEEDS:
        note += f": a verdict takes {FEWEST_SEEDS}"
    elif low > bound or low == bound != 0:
        verdict = "supported"
    elif high < bound or high == bound == 0:
        verdict = "not supported"
    return Part(
        what=what,
        rule=f">= {bound:g}" if bound else "> 0",
        verdict=verdict,
        estimate=found.value,
        low=low,
        high=high,
        detectable=found.detectable(level),
        note=note,
    )


def counted(what: str, value: float, holds: bool, rule: str, *, unit: str = "x") -> Part:
    """A number without uncertainty, such as a ratio of costs."""
    verdict: Verdict = "supported" if holds else "not supported"
    return Part(what=what, rule=rule, verdict=verdict, estimate=value, unit=unit)


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
