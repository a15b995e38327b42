"""Claims that a cheaper configuration is about as good as an ensemble.

The point that is judged is chosen on validation and judged on test. The claim says that there is
such a point; what is tested is that a user can find it without looking at the test split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pandas as pd

from bench.claims.configurations import (
    ENSEMBLE,
    best,
    describe,
    gain,
    of,
    task_of,
    validated,
)
from bench.claims.evidence import on_test, within
from bench.claims.verdict import Finding, Part, all_of, exact, no_data
from bench.records.frames import Frames

FloatSeries: TypeAlias = "pd.Series[float]"
# The ensemble's costs and validation means, by name.
Ensemble: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The point is worse than the ensemble by at most ``margin`` in ``metric``.

    A negative margin: it has to be better by at least as much.
    """

    metric: str
    margin: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The ensemble costs at least ``times`` what the point costs.

    Attributes:
        kind: what is counted; "either": the larger saving of the two.
        times: the bound on the ratio, ensemble / point.
        strict: the ratio has to be above the bound, not at it.
    """

    kind: Literal["flops", "params", "either"]
    times: float
    strict: bool = False

    def ratios(self, points: pd.DataFrame, ensemble: Ensemble) -> FloatSeries:
        """Cost of the ensemble over that of each point."""
        flops: FloatSeries = ensemble["flops"] / points["flops"]
        params: FloatSeries = ensemble["params"] / points["params"]
        if self.kind == "either":
            return flops.where(flops >= params, params)
        return flops if self.kind == "flops" else params

    def holds(self, ratios: FloatSeries) -> pd.Series[bool]:
        """Which ratios are large enough."""
        return ratios > self.times if self.strict else ratios >= self.times

    def part(self, point: pd.DataFrame, ensemble: Ensemble, what: str) -> Part:
        """The cost of one point, a frame of one row. Costs are exact."""
        ratio = self.ratios(point, ensemble)
        names = {"flops": "FLOPs", "params": "parameters", "either": "FLOPs or parameters"}
        return Part(
            what=f"{names[self.kind]}, {what}",
            rule=f"{'>' if self.strict else '>='} {self.times:.3g}x",
            verdict=exact(bool(self.holds(ratio).iloc[0])),
            estimate=float(ratio.iloc[0]),
            unit="x",
        )


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """A point of some categories against an ensemble.

    Attributes:
        dataset: where.
        categories: what the point may be.
        qualities: all of them have to hold. The ensemble is the best one in the first's metric.
        costs: all of them have to hold.
        like_for_like: compare with the cheapest ensemble that is within the first quality's margin
            of the best one, instead of the best one.
    """

    dataset: str
    categories: tuple[str, ...]
    qualities: tuple[Quality, ...]
    costs: tuple[Cost, ...]
    like_for_like: bool = False


def judge(frames: Frames, asked: TradeOff) -> Finding:
    """Choose ensemble and point on validation; compare their costs, and their quality on test."""
    known = validated(frames, asked.dataset)
    if known.empty:
        return no_data(f"no runs on {asked.dataset}")
    task = task_of(frames, asked.dataset)
    reference_id = reference(known, task, asked)
    points = of(known, asked.categories).dropna(subset=[q.metric for q in asked.qualities])
    if reference_id is None or points.empty:
        lacking = [] if reference_id is not None else [ENSEMBLE]
        lacking += ["/".join(asked.categories)] if points.empty else []
        return no_data(f"{asked.dataset} has no runs of {' and none of '.join(lacking)}")
    point_id, is_cheap = choose(points, facts(known, reference_id), task, asked)
    remark = f"{describe(known, point_id)} against {describe(known, reference_id)}"
    if not is_cheap:
        remark += "; no point is cheap enough, this one comes nearest"
    parts = [
        *_cost_parts(known, point_id, reference_id, asked),
        *_quality_parts(frames, point_id, reference_id, asked),
    ]
    return Finding(
        verdict=all_of(part.verdict for part in parts),
        parts=tuple(parts),
        remark=remark,
        config_ids=(point_id, reference_id),
    )


def _cost_parts(
    known: pd.DataFrame, point_id: str, reference_id: str, asked: TradeOff
) -> list[Part]:
    point, ensemble = known.loc[[point_id]], facts(known, reference_id)
    what = f"{ENSEMBLE} / {known['category'][point_id]}"
    return [cost.part(point, ensemble, what) for cost in asked.costs]


def _quality_parts(frames: Frames, point_id: str, reference_id: str, asked: TradeOff) -> list[Part]:
    found = on_test(frames, [point_id], reference_id)
    task = task_of(frames, asked.dataset)
    return [
        within(found, point_id, task=task, metric=quality.metric, margin=quality.margin)
        for quality in asked.qualities
    ]


def reference(known: pd.DataFrame, task: str, asked: TradeOff) -> str | None:
    """The config_id of the ensemble that the point is compared with."""
    first = asked.qualities[0]
    sign = gain(task, first.metric)
    ensembles = of(known, [ENSEMBLE])
    best_id = best(ensembles, first.metric, sign)
    if best_id is None or not asked.like_for_like:
        return best_id
    values: FloatSeries = ensembles[first.metric]
    comparable = ensembles[sign * (values - values[best_id]) >= -first.margin]
    return str(comparable.assign(id=comparable.index).sort_values(["flops", "id"]).index[0])


def choose(
    points: pd.DataFrame, ensemble: Ensemble, task: str, asked: TradeOff
) -> tuple[str, bool]:
    """The config_id of the point to judge, and whether it is cheap enough.

    Among the points that are cheap enough: the one whose smallest slack is the largest. A slack is
    how far, on validation, a point's gain over the ensemble lies above what a quality asks for.
    Equal ones go to fewer FLOPs. Without a point that is cheap enough: the one whose smallest
    ratio of a saving and its bound is the largest.
    """
    cheap, nearness = [], []
    for cost in asked.costs:
        ratios = cost.ratios(points, ensemble)
        cheap.append(cost.holds(ratios))
        nearness.append(ratios / cost.times)
    is_cheap = pd.concat(cheap, axis=1).all(axis=1)
    if not is_cheap.any():
        return _first(points, pd.concat(nearness, axis=1).min(axis=1)), False
    candidates = points[is_cheap]
    slacks = [
        gain(task, quality.metric) * (candidates[quality.metric] - ensemble[quality.metric])
        + quality.margin
        for quality in asked.qualities
    ]
    return _first(candidates, pd.concat(slacks, axis=1).min(axis=1)), True


def facts(known: pd.DataFrame, config_id: str) -> Ensemble:
    """The numbers of one configuration, by name."""
    row = known.select_dtypes("number").loc[[config_id]].to_dict("records")[0]
    return {str(name): float(value) for name, value in row.items()}


def _first(points: pd.DataFrame, score: FloatSeries) -> str:
    order = points.assign(loss=-score, id=points.index).sort_values(["loss", "flops", "id"])
    return str(order.index[0])
