"""The claim that the best (N, K) differ between the metrics of one dataset."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.claims.configurations import (
    SAE_CATEGORIES,
    best,
    describe,
    gain,
    objectives,
    of,
    task_of,
    validated,
)
from bench.claims.evidence import Difference, on_test
from bench.claims.verdict import Finding, Part, Verdict, at_least, exact, no_data
from bench.metrics.table import label_of
from bench.records.frames import Frames

SIGNIFICANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best SAE configuration of one metric on validation, and its (N, K)."""

    metric: str
    config_id: str
    point: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two metrics whose best configurations differ in (N, K), compared on test.

    Attributes:
        bests: of the two metrics.
        gains: how much better each one is than the other in its own metric, signed so that a
            positive number is an improvement.
    """

    bests: tuple[Best, Best]
    gains: tuple[Difference, Difference]

    @property
    def p(self) -> float:
        """Of "each is better in its own metric": the larger of the two; 1 if one is not."""
        if any(gain.estimate <= 0 for gain in self.gains):
            return 1.0
        return max(gain.p for gain in self.gains)

    @property
    def is_refuted(self) -> bool:
        """Is one of the two clearly better in both metrics?"""
        first, second = self.gains
        return (first.low > 0 and second.high < 0) or (first.high < 0 and second.low > 0)


def judge(frames: Frames, dataset: str) -> Finding:
    """Best SAE configuration of each metric on validation; pairs that differ, compared on test.

    Supported if for some pair of metrics each one's best configuration is better than the other's
    in its own metric, at 5% after Bonferroni's correction for the number of pairs. Not supported
    if all metrics choose the same (N, K), or if in every pair one configuration is better in both.
    """
    known = of(validated(frames, dataset), SAE_CATEGORIES)
    if known.empty:
        return no_data(f"no SAE runs on {dataset}")
    task = task_of(frames, dataset)
    bests = best_by_metric(known, task)
    n_points = len({one.point for one in bests})
    named = Part(
        what="different (N, K) among the metrics' best on validation",
        rule=">= 2",
        verdict=exact(n_points > 1),
        estimate=float(n_points),
    )
    pairs = compared_pairs(frames, task, bests)
    shown = min(pairs, key=lambda pair: pair.p, default=None)
    parts = _pair_parts(known, task, shown, len(pairs)) if shown else []
    return Finding(
        verdict=verdict_of(pairs) if n_points > 1 else "not supported",
        parts=(named, *parts),
        remark=", ".join(
            f"{label_of(task, one.metric)}: N={one.point[0]} K={one.point[1]}" for one in bests
        ),
        config_ids=tuple(dict.fromkeys(one.config_id for one in bests)),
    )


def best_by_metric(known: pd.DataFrame, task: str) -> list[Best]:
    """The best configuration of each metric that a search optimises and that has values."""
    found = []
    for metric in objectives(task):
        config_id = best(known, metric, gain(task, metric))
        if config_id is not None:
            point = (int(known["n_inputs"][config_id]), int(known["n_exits"][config_id]))
            found.append(Best(metric=metric, config_id=config_id, point=point))
    return found


def compared_pairs(frames: Frames, task: str, bests: Sequence[Best]) -> list[Pair]:
    """All pairs of metrics whose (N, K) differ and whose configurations share a seed."""
    pairs = []
    for first, second in itertools.combinations(bests, 2):
        if first.point == second.point:
            continue
        found = on_test(frames, [second.config_id], first.config_id)
        keys = [(second.config_id, one.metric) for one in (first, second)]
        if not set(keys) <= set(found):
            continue
        # They are the second minus the first: turned around for the first's metric.
        of_first = found[keys[0]].times(-gain(task, first.metric))
        of_second = found[keys[1]].times(gain(task, second.metric))
        pairs.append(Pair(bests=(first, second), gains=(of_first, of_second)))
    return pairs


def verdict_of(pairs: Sequence[Pair]) -> Verdict:
    """See ``judge``; undecided without a pair that can be compared."""
    if any(pair.p * len(pairs) < SIGNIFICANCE for pair in pairs):
        return "supported"
    return "not supported" if pairs and all(pair.is_refuted for pair in pairs) else "undecided"


def _pair_parts(known: pd.DataFrame, task: str, pair: Pair, n_pairs: int) -> list[Part]:
    parts = []
    for own, other, gained in zip(pair.bests, reversed(pair.bests), pair.gains, strict=True):
        names = [describe(known, one.config_id) for one in (own, other)]
        parts.append(
            Part(
                what=f"gain in {label_of(task, own.metric)} of {' over '.join(names)}",
                rule="> 0",
                verdict=at_least(gained.low, gained.high, 0.0),
                estimate=gained.estimate,
                low=gained.low,
                high=gained.high,
                note=f"{gained.note}; p = {gained.p:.2g}, before the correction for "
                f"{n_pairs} pairs",
            )
        )
    return parts
