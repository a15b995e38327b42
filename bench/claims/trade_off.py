"""Claims that a cheaper configuration is about as good as an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.claims.evidence import ENSEMBLE, Evidence, Seeds, best, cross_fitted
from bench.claims.verdict import Finding, Part, bounded, counted, finding, no_data
from bench.metrics.table import label_of
from bench.statistics.crossed import LEVEL
from bench.statistics.influence import Split

Pair = tuple[str, str]
"""The point and the ensemble that it is compared with."""


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

    def ratios(self, points: pd.DataFrame, ensemble: Mapping[str, float]) -> pd.Series[float]:
        """Cost of the ensemble over that of each point."""
        flops: pd.Series[float] = ensemble["flops"] / points["flops"]
        params: pd.Series[float] = ensemble["params"] / points["params"]
        if self.kind == "either":
            return flops.where(flops >= params, params)
        return flops if self.kind == "flops" else params

    def holds(self, ratios: pd.Series[float]) -> pd.Series[bool]:
        """Which ratios are large enough."""
        return ratios > self.times if self.strict else ratios >= self.times


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """A point of some categories against an ensemble.

    Attributes:
        dataset: where.
        categories: what the point may be.
        margins: by metric, by how much the point may be worse than the ensemble; negative: it has
            to be better by as much. The ensemble is the best one in the first metric.
        costs: all of them have to hold.
        split: where the quality is judged.
        like_for_like: compare with the cheapest ensemble that is within the first margin of the
            best one, instead of the best one.
    """

    dataset: str
    categories: tuple[str, ...]
    margins: Mapping[str, float]
    costs: tuple[Cost, ...]
    split: Split = "test"
    like_for_like: bool = False


def judge(evidence: Evidence, asked: TradeOff, *, level: float = LEVEL) -> Finding:
    """Choose ensemble and point on validation; compare their costs, and their quality on test."""
    points = evidence.configurations(asked.dataset, asked.categories)
    ensembles = evidence.configurations(asked.dataset, [ENSEMBLE])
    if points.empty or ensembles.empty:
        missing = "/".join(asked.categories) if points.empty else ENSEMBLE
        return no_data(f"{asked.dataset} has no complete configuration of {missing}")
    folds = evidence.folds(asked.dataset, lambda seeds: choose(evidence, asked, seeds))
    if not folds:
        return no_data(f"{asked.dataset} has one seed: nothing is left to judge the choice on")
    chosen = list(folds.values())
    point_ids, ensemble_ids = ([pair[i] for pair in chosen] for i in (0, 1))
    names = [evidence.describe(asked.dataset, ids) for ids in (point_ids, ensemble_ids)]
    task = evidence.task(asked.dataset)
    weights = {seed: {point: 1.0, rival: -1.0} for seed, (point, rival) in folds.items()}
    parts = [_cost_part(evidence, asked, cost, chosen) for cost in asked.costs]
    for metric, margin in asked.margins.items():
        gained = evidence.gained(asked.dataset, weights, metric, asked.split)
        where = "under shift" if asked.split == "ood" else f"on {asked.split}"
        what = f"{label_of(task, metric)}, gain over {ENSEMBLE} {where}"
        parts.append(bounded(what, cross_fitted(gained), -margin, level=level))
    return finding(parts, " against ".join(names), [*point_ids, *ensemble_ids])


def _cost_part(evidence: Evidence, asked: TradeOff, cost: Cost, chosen: list[Pair]) -> Part:
    """The smallest ratio over the choices."""
    known = evidence.known[asked.dataset]
    ratios = pd.concat(
        [cost.ratios(known.loc[[point]], _costs(known, rival)) for point, rival in chosen]
    )
    names = {"flops": "FLOPs", "params": "parameters", "either": "FLOPs or parameters"}
    return counted(
        f"{names[cost.kind]}, {ENSEMBLE} / {'/'.join(asked.categories)}",
        float(ratios.min()),
        bool(cost.holds(ratios).all()),
        f"{'>' if cost.strict else '>='} {cost.times:.3g}x",
    )


def choose(evidence: Evidence, asked: TradeOff, seeds: Seeds) -> Pair:
    """The config_ids of the point to judge and of its ensemble, by validation on some seeds.

    Among the points that are cheap enough: the one whose smallest slack is the largest. A slack is
    how far, on validation, a point's gain over the ensemble lies above a margin.
    Without a point that is cheap enough: the one whose smallest ratio of a saving and its bound is
    the largest. Equal ones go to fewer FLOPs.
    """
    gains = {metric: evidence.gains(asked.dataset, metric, seeds) for metric in asked.margins}
    ensembles = evidence.configurations(asked.dataset, [ENSEMBLE])
    rival = reference(gains, ensembles, asked)
    points = evidence.configurations(asked.dataset, asked.categories)
    costs = _costs(ensembles, rival)
    ratios = [cost.ratios(points, costs) for cost in asked.costs]
    holds = [cost.holds(ratio) for cost, ratio in zip(asked.costs, ratios, strict=True)]
    is_cheap = pd.concat(holds, axis=1).all(axis=1)
    slacks = [gains[metric] - gains[metric][rival] + m for metric, m in asked.margins.items()]
    scores = pd.concat(slacks, axis=1).min(axis=1, skipna=False)
    cheap = scores.reindex(points.index[is_cheap]).dropna()
    if cheap.empty:
        nearness = [r / cost.times for cost, r in zip(asked.costs, ratios, strict=True)]
        cheap = pd.concat(nearness, axis=1).min(axis=1)
    point = best(cheap, points)
    assert point is not None, "there are points"
    return point, rival


def reference(
    gains: Mapping[str, pd.Series[float]], ensembles: pd.DataFrame, asked: TradeOff
) -> str:
    """The config_id of the ensemble that the point is compared with."""
    first, margin = next(iter(asked.margins.items()))
    own = gains[first].reindex(ensembles.index).dropna()
    winner = best(own, ensembles)
    if winner is None:
        return str(ensembles.index[0])
    if not asked.like_for_like:
        return winner
    comparable = own[own >= own[winner] - margin]
    cheapest = best(-ensembles["flops"].reindex(comparable.index), ensembles)
    return cheapest or winner


def _costs(known: pd.DataFrame, config_id: str) -> dict[str, float]:
    return {cost: float(known[cost][config_id]) for cost in ("flops", "params")}
