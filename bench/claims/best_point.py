"""The claim that one category is the best, at a share of another one's FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.claims.configurations import best, describe, gain, of, task_of, validated
from bench.claims.evidence import Difference, on_test
from bench.claims.verdict import Finding, Part, all_of, exact, no_data
from bench.metrics.table import label_of
from bench.records.frames import Frames

SIGNIFICANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class BestPoint:
    """``category`` is the best in ``metric``, with at most ``share`` of the FLOPs of ``rival``."""

    dataset: str
    category: str
    metric: str
    rival: str
    share: float


def judge(frames: Frames, asked: BestPoint) -> Finding:
    """The best of every category on validation, compared on test; then the FLOPs.

    Best: better than every other category, so each of these parts has to hold by itself. A part
    does not hold if the other one is better at 5% after Holm's correction for looking at all of
    them. The rival is the configuration of its category that is nearest on validation.
    """
    known = validated(frames, asked.dataset)
    if known.empty:
        return no_data(f"no runs on {asked.dataset}")
    task = task_of(frames, asked.dataset)
    sign = gain(task, asked.metric)
    point_id = best(of(known, [asked.category]), asked.metric, sign)
    others = {
        str(category): best(rows, asked.metric, sign)
        for category, rows in known.groupby("category", sort=True)
        if category != asked.category
    }
    other_ids = {category: found for category, found in others.items() if found is not None}
    if point_id is None or not other_ids:
        return no_data(
            f"{asked.dataset} has no runs of "
            + (asked.category if point_id is None else "anything to compare with")
        )
    found = on_test(frames, sorted(other_ids.values()), point_id)
    parts = [
        _other_part(
            found.get((config_id, asked.metric)),
            f"{label_of(task, asked.metric)}, {category} minus {asked.category} on test",
            sign,
        )
        for category, config_id in other_ids.items()
    ]
    rival_id = nearest(of(known, [asked.rival]), asked.metric, known[asked.metric][point_id])
    parts.append(_flops_part(known, point_id, rival_id, asked))
    ids = dict.fromkeys([point_id, *other_ids.values(), *([rival_id] if rival_id else [])])
    rival = f"; nearest {asked.rival}: {describe(known, rival_id)}" if rival_id else ""
    return Finding(
        verdict=all_of(part.verdict for part in parts),
        parts=tuple(parts),
        remark=f"{describe(known, point_id)} against the best of each other method{rival}",
        config_ids=tuple(ids),
    )


def nearest(rivals: pd.DataFrame, metric: str, value: float) -> str | None:
    """The rival with the nearest validation value; equal ones go to fewer FLOPs."""
    rivals = rivals.dropna(subset=[metric])
    if rivals.empty:
        return None
    order = rivals.assign(distance=(rivals[metric] - value).abs(), id=rivals.index)
    return str(order.sort_values(["distance", "flops", "id"]).index[0])


def _other_part(one: Difference | None, what: str, sign: float) -> Part:
    rule = "< 0" if sign > 0 else "> 0"
    if one is None:
        return Part(what=what, rule=rule, verdict="no data", note="no value in a common seed")
    gained = one.times(sign)
    is_better = gained.estimate > 0 and one.p_holm < SIGNIFICANCE
    return Part(
        what=what,
        rule=rule,
        verdict="supported" if gained.high < 0 else "not supported" if is_better else "undecided",
        estimate=one.estimate,
        low=one.low,
        high=one.high,
        note=f"{one.note}; p = {one.p_holm:.2g} after Holm's correction",
    )


def _flops_part(known: pd.DataFrame, point_id: str, rival_id: str | None, asked: BestPoint) -> Part:
    what, rule = f"FLOPs, {asked.category} / {asked.rival}", f"<= {asked.share:g}x"
    if rival_id is None:
        return Part(what=what, rule=rule, verdict="no data", note=f"no runs of {asked.rival}")
    ratio = float(known["flops"][point_id] / known["flops"][rival_id])
    verdict = exact(ratio <= asked.share)
    return Part(what=what, rule=rule, verdict=verdict, estimate=ratio, unit="x")
