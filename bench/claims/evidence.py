"""Differences on the test split, as parts of a claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.claims.configurations import gain
from bench.claims.verdict import Part, at_least, at_most
from bench.metrics.table import label_of
from bench.records.frames import Frames
from bench.statistics.differences import differences


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A configuration minus a reference in one metric (``bench.statistics.intervals``).

    Attributes:
        estimate, low, high: the difference and its 95% interval, in the metric's unit.
        p: of no difference, two-sided; p_holm: corrected for all that were compared with the
            reference.
        n_seeds: seeds that both have.
    """

    estimate: float
    low: float
    high: float
    p: float
    p_holm: float
    n_seeds: int

    @property
    def note(self) -> str:
        """How many seeds the interval is over."""
        if self.n_seeds == 1:
            return "1 seed in common: the interval is over test examples alone"
        return f"{self.n_seeds} seeds in common"

    def times(self, sign: float) -> Difference:
        """The difference, turned around if ``sign`` is -1."""
        low, high = sorted((sign * self.low, sign * self.high))
        return Difference(
            estimate=sign * self.estimate,
            low=low,
            high=high,
            p=self.p,
            p_holm=self.p_holm,
            n_seeds=self.n_seeds,
        )


Differences = Mapping[tuple[str, str], Difference]


def on_test(frames: Frames, config_ids: list[str], reference_id: str) -> Differences:
    """Configurations minus reference on the test split, by (config_id, metric).

    A pair without a value in a common seed is not there.
    """
    found = differences(frames, config_ids, reference_id, splits=("test",))
    rows = found[found["split"] == "test"].dropna(subset=["estimate", "low"]).to_dict("records")
    return {
        (str(row["config_id"]), str(row["metric"])): Difference(
            **{name: float(row[name]) for name in ("estimate", "low", "high", "p", "p_holm")},
            n_seeds=int(row["n_seeds"]),
        )
        for row in rows
    }


def within(found: Differences, config_id: str, *, task: str, metric: str, margin: float) -> Part:
    """Is the configuration worse than the reference by at most ``margin`` in this metric?

    A non-inferiority test: being better is always within. A negative margin asks for more: the
    configuration has to be better by at least as much.

    Args:
        found: from ``on_test``.
        config_id: the configuration.
        task: of the dataset.
        metric: key of the metric.
        margin: in the metric's unit.
    """
    higher = gain(task, metric) > 0
    bound = -margin if higher else margin
    rule = f"{'>=' if higher else '<='} {bound:g}"
    what = f"{label_of(task, metric)}, difference on test"
    one = found.get((config_id, metric))
    if one is None:
        return Part(what=what, rule=rule, verdict="no data", note="no value in a common seed")
    holds = at_least if higher else at_most
    return Part(
        what=what,
        rule=rule,
        verdict=holds(one.low, one.high, bound),
        estimate=one.estimate,
        low=one.low,
        high=one.high,
        note=one.note,
    )
