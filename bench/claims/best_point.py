"""The claim that one category is the best, at a share of another one's FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.claims.evidence import Evidence, best, cross_fitted
from bench.claims.verdict import Finding, Part, bounded, counted, finding, no_data
from bench.metrics.table import label_of


@dataclass(frozen=True, kw_only=True)
class BestPoint:
    """``category`` is the best in ``metric``, with at most ``share`` of the FLOPs of ``rival``."""

    dataset: str
    category: str
    metric: str
    rival: str
    share: float


def judge(evidence: Evidence, asked: BestPoint) -> Finding:
    """The best of every category on validation, compared on test; then the FLOPs.

    Best: better than every other category, so each of these parts has to hold by itself. The rival
    is the configuration of its category that is nearest on validation.
    """
    known = evidence.known.get(asked.dataset)
    if known is None or asked.category not in set(known["category"]):
        return no_data(f"{asked.dataset} has no complete configuration of {asked.category}")
    folds = evidence.folds(
        asked.dataset, lambda seeds: evidence.chosen(asked.dataset, asked.metric, seeds)
    )
    others = sorted(set.intersection(*map(set, folds.values())) - {asked.category}) if folds else []
    if not others:
        return no_data(f"{asked.dataset} has nothing to compare {asked.category} with")
    label = label_of(evidence.task(asked.dataset), asked.metric)
    parts = []
    for category in others:
        weights = {
            seed: {of[asked.category]: 1.0, of[category]: -1.0} for seed, of in folds.items()
        }
        gained = evidence.gained(asked.dataset, weights, asked.metric)
        what = f"{label}, gain over {category} on test"
        parts.append(bounded(what, cross_fitted(gained), 0.0))
    ids = [config_id for of in folds.values() for config_id in of.values()]
    points = [of[asked.category] for of in folds.values()]
    parts.append(_flops_part(evidence, asked, points))
    remark = f"{evidence.describe(asked.dataset, points)} against the best of each other method"
    return finding(parts, remark, ids)


def _flops_part(evidence: Evidence, asked: BestPoint, points: list[str]) -> Part:
    what, rule = f"FLOPs, {asked.category} / nearest {asked.rival}", f"<= {asked.share:g}x"
    rivals = evidence.configurations(asked.dataset, [asked.rival])
    gains = evidence.gains(asked.dataset, asked.metric, evidence.seeds(asked.dataset))
    if gains.reindex(rivals.index).dropna().empty:
        return Part(what=what, rule=rule, verdict="no data", note=f"no runs of {asked.rival}")
    flops: pd.Series[float] = evidence.known[asked.dataset]["flops"]
    ratios = []
    for point in points:
        nearest = best(-(gains.reindex(rivals.index) - gains[point]).abs(), rivals)
        ratios.append(float(flops[point] / flops[str(nearest)]))
    return counted(what, max(ratios), max(ratios) <= asked.share, rule)
