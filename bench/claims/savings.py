"""The claim of the abstract: 1.5 to 3.7 times fewer operations or parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from bench.claims.configurations import SAE_CATEGORIES
from bench.claims.trade_offs import Cost, Quality, TradeOff
from bench.claims.trade_offs import judge as judge_trade_off
from bench.claims.verdict import Finding, Part, all_of, any_of
from bench.records.frames import Frames

# What "competitive" means on each problem: the margins of the paper's own statements on it, and
# of 0.05 nats where it gives none.
COMPETITIVE: Mapping[str, Quality] = MappingProxyType(
    {
        "tinyimagenet": Quality(metric="accuracy", margin=0.03),
        "blood": Quality(metric="f1", margin=0.01),
        "pneumonia": Quality(metric="f1", margin=0.01),
        "retina": Quality(metric="nll", margin=0.05),
    }
)
SMALLEST, LARGEST = 1.5, 3.7


def asked(dataset: str, times: float, *, like_for_like: bool) -> TradeOff:
    """A competitive SAE point that saves ``times`` of the FLOPs or of the parameters."""
    return TradeOff(
        dataset=dataset,
        categories=SAE_CATEGORIES,
        qualities=(COMPETITIVE[dataset],),
        costs=(Cost(kind="either", times=times),),
        like_for_like=like_for_like,
    )


def judge(frames: Frames, datasets: Sequence[str], *, like_for_like: bool) -> Finding:
    """Every dataset has a competitive point of the smallest saving, and one has of the largest."""
    least = {
        name: judge_trade_off(frames, asked(name, SMALLEST, like_for_like=like_for_like))
        for name in datasets
    }
    most = {
        name: judge_trade_off(frames, asked(name, LARGEST, like_for_like=like_for_like))
        for name in datasets
    }
    verdict = all_of(
        [
            *(finding.verdict for finding in least.values()),
            any_of(finding.verdict for finding in most.values()),
        ]
    )
    parts = [*_named(least, SMALLEST), *_named(most, LARGEST)]
    ids = [i for findings in (least, most) for f in findings.values() for i in f.config_ids]
    missing = [finding.remark for finding in least.values() if finding.verdict == "no data"]
    return Finding(
        verdict=verdict,
        parts=tuple(parts),
        remark="; ".join([_range([*least.values(), *most.values()]), *missing]),
        config_ids=tuple(dict.fromkeys(ids)),
    )


def _named(findings: Mapping[str, Finding], times: float) -> list[Part]:
    return [
        replace(part, what=f"{name}, {times:g}x: {part.what}", note=finding.remark)
        for name, finding in findings.items()
        for part in finding.parts
    ]


def _range(findings: Sequence[Finding]) -> str:
    """The savings of the points that keep the quality."""
    kept = [f.parts[0].estimate for f in findings if f.verdict == "supported"]
    if not kept:
        return "no point with a saving is shown to be competitive"
    texts = dict.fromkeys([f"{min(kept):.2f}x", f"{max(kept):.2f}x"])
    return f"savings of the competitive points: {' to '.join(texts)}"
