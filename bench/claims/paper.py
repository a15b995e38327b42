"""The paper's statements: one row each. Numbers are the paper's; docs/claims.md has ours.

Ferianc, Fan, Rodrigues: SAE: Single Architecture Ensemble Neural Networks, BMVC 2024,
arXiv 2402.06580.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from bench.claims import best_point, depth_claims, rank_claim, settings, trade_off
from bench.claims.claim import Claim
from bench.claims.evidence import SAE_CATEGORIES, Evidence
from bench.claims.trade_off import Cost, TradeOff
from bench.claims.verdict import Finding, Part, all_of, any_of, finding
from bench.statistics.crossed import LEVEL

PROBLEMS = ("tinyimagenet", "blood", "pneumonia", "retina")
# Where the paper gives no number. Comparable parameters: up to a tenth more.
COMPARABLE_PARAMS = Cost(kind="params", times=1 / 1.1)
COMPARABLE_NLL = 0.05  # nats: the geometric mean of the densities is within 5%
ABOUT_HALF = 0.6
# What "competitive" means on each problem: the margins of the paper's own statements on it, and
# of 0.05 nats where it gives none.
COMPETITIVE: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "tinyimagenet": {"accuracy": 0.03},
        "blood": {"f1": 0.01},
        "pneumonia": {"f1": 0.01},
        "retina": {"nll": COMPARABLE_NLL},
    }
)
SMALLEST, LARGEST = 1.5, 3.7

_TINYIMAGENET = TradeOff(
    dataset="tinyimagenet",
    categories=("I/B",),
    margins={"accuracy": 0.03, "ece": -0.04},
    costs=(Cost(kind="flops", times=3.2), Cost(kind="params", times=1.5)),
)
_BLOOD = tuple(
    TradeOff(
        dataset="blood",
        categories=("I/B",),
        margins={metric: 0.01},
        costs=(Cost(kind="flops", times=1.5), COMPARABLE_PARAMS),
    )
    for metric in ("f1", "cc_ece")
)
_PNEUMONIA = best_point.BestPoint(
    dataset="pneumonia", category="EE", metric="f1", rival="BatchEnsemble", share=ABOUT_HALF
)
_RETINA = TradeOff(
    dataset="retina",
    categories=("MIMO",),
    margins={"nll": COMPARABLE_NLL},
    costs=(
        Cost(kind="flops", times=1.0, strict=True),
        Cost(kind="params", times=1.0, strict=True),
    ),
)


def judge_either(evidence: Evidence, asked: Sequence[TradeOff]) -> Finding:
    """One of several trade-offs has to hold: each is judged at a level that allows for the others.

    Bonferroni: "supported" is wrong in at most 2.5% of studies for all of them together.
    """
    level = 1 - (1 - LEVEL) / len(asked)
    findings = [trade_off.judge(evidence, one, level=level) for one in asked]
    ids = dict.fromkeys(i for found in findings for i in found.config_ids)
    return Finding(
        verdict=any_of(found.verdict for found in findings),
        parts=tuple(part for found in findings for part in found.parts),
        remark="; or ".join(dict.fromkeys(found.remark for found in findings)),
        config_ids=tuple(ids),
    )


def competitive(dataset: str, times: float, **changes: object) -> TradeOff:
    """A competitive SAE point that saves ``times`` of the FLOPs or of the parameters."""
    asked = TradeOff(
        dataset=dataset,
        categories=SAE_CATEGORIES,
        margins=COMPETITIVE[dataset],
        costs=(Cost(kind="either", times=times),),
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def judge_savings(evidence: Evidence, **changes: object) -> Finding:
    """Every problem has a competitive point of the smallest saving, and one has of the largest."""
    least = {
        name: trade_off.judge(evidence, competitive(name, SMALLEST, **changes)) for name in PROBLEMS
    }
    level = 1 - (1 - LEVEL) / len(PROBLEMS)
    most = {
        name: trade_off.judge(evidence, competitive(name, LARGEST, **changes), level=level)
        for name in PROBLEMS
    }
    everywhere = [*least.values(), *most.values()]
    missing = [found.remark for found in least.values() if found.verdict == "no data"]
    return Finding(
        verdict=all_of(
            [*(f.verdict for f in least.values()), any_of(f.verdict for f in most.values())]
        ),
        parts=(*_named(least, SMALLEST), *_named(most, LARGEST)),
        remark="; ".join([_range(everywhere), *missing]),
        config_ids=tuple(dict.fromkeys(i for found in everywhere for i in found.config_ids)),
    )


def _named(findings: Mapping[str, Finding], times: float) -> list[Part]:
    return [
        replace(part, what=f"{name}, {times:g}x: {part.what}", note=part.note or found.remark)
        for name, found in findings.items()
        for part in found.parts
    ]


def _range(findings: Sequence[Finding]) -> str:
    """The savings of the points that keep the quality."""
    kept = [f.parts[0].estimate for f in findings if f.verdict == "supported"]
    if not kept:
        return "no point with a saving is shown to be competitive"
    texts = dict.fromkeys([f"{min(kept):.2f}x", f"{max(kept):.2f}x"])
    return f"savings of the competitive points: {' to '.join(texts)}"


def judge_shift(evidence: Evidence) -> Finding:
    """On every problem with corrupted images the saving point is competitive there too."""
    found = [
        trade_off.judge(evidence, competitive(name, SMALLEST, split="ood")) for name in PROBLEMS
    ]
    known = [one for one in found if one.verdict != "no data"]
    if not known:
        return found[0]
    parts = _named({one.parts[0].what: one for one in known}, SMALLEST)
    ids = [i for one in known for i in one.config_ids]
    return finding(parts, "; ".join(one.remark for one in found), ids)


_TRADE_OFFS = (
    Claim(
        name="tinyimagenet-ib",
        datasets=("tinyimagenet",),
        statement=(
            "An I/B configuration is within 3% accuracy of the best ensemble, with 4% better ECE, "
            "3.2x fewer FLOPs and 1.5x fewer parameters."
        ),
        test=(
            "The I/B point that is cheap enough and has the largest smaller slack on validation, "
            "against the ensemble of the best validation accuracy: on test, accuracy at most 0.03 "
            "lower and ECE at least 0.04 lower."
        ),
        judge=partial(trade_off.judge, asked=_TINYIMAGENET),
    ),
    Claim(
        name="blood-ib",
        datasets=("blood",),
        statement=(
            "An I/B configuration is within 1% F1 or CC-ECE of the ensemble, at comparable "
            "parameters and with 1.5x fewer FLOPs."
        ),
        test=(
            "For F1 and for CC-ECE: the I/B point of the best validation value with 1.5x fewer "
            "FLOPs and at most 1.1x the parameters, against the ensemble of the best validation "
            "value: on test at most 0.01 worse. One of the two has to hold."
        ),
        judge=partial(judge_either, asked=_BLOOD),
    ),
    Claim(
        name="pneumonia-ee",
        datasets=("pneumonia",),
        statement="An EE configuration is the best, with about half the FLOPs of the closest "
        "BatchEnsemble.",
        test=(
            "The EE point of the best validation F1 is better on test than the best of each other "
            "method, and has at most 0.6x the FLOPs of the BatchEnsemble of the nearest "
            "validation F1."
        ),
        judge=partial(best_point.judge, asked=_PNEUMONIA),
    ),
    Claim(
        name="retina-mimo",
        datasets=("retina",),
        statement="A MIMO configuration is comparable to the ensemble in NLL, with fewer FLOPs "
        "and parameters.",
        test=(
            "The MIMO point of the best validation NLL among those with fewer FLOPs and fewer "
            "parameters, against the ensemble of the best validation NLL: on test at most 0.05 "
            "nats higher."
        ),
        judge=partial(trade_off.judge, asked=_RETINA),
    ),
)
_SETTINGS = (
    *(
        Claim(
            name=f"settings-{dataset}",
            datasets=(dataset,),
            statement="The best (N, K) differ between the metrics of one data set.",
            test=(
                "Means over the configurations of each (N, K). Of the two metrics whose best cells "
                "differ the most on validation, each one's best cell is better on test in its own "
                "metric than the other's."
            ),
            judge=partial(settings.within, dataset=dataset),
        )
        for dataset in PROBLEMS
    ),
    Claim(
        name="settings-across",
        datasets=PROBLEMS,
        statement="The best (N, K) differ between data sets.",
        test=(
            "As settings-*, with the NLL on two data sets instead of two metrics: each one's best "
            "cell is better there than the other's."
        ),
        judge=partial(settings.across, datasets=PROBLEMS),
    ),
    *(
        Claim(
            name=f"inputs-{dataset}",
            datasets=(dataset,),
            statement="More than one input helps.",
            test=(
                "The configuration of N > 1 with the best validation NLL has a lower NLL on test "
                "than the best of N = 1."
            ),
            judge=partial(settings.more_inputs, dataset=dataset),
        )
        for dataset in PROBLEMS
    ),
)
_RANKS = Claim(
    name="ranks",
    datasets=PROBLEMS,
    statement="SAE's configurations rank better than the baselines over data sets and metrics.",
    test=(
        "Mean rank on test, over metrics, of the configuration that each category chooses on "
        "validation: the baselines' minus SAE's is above 0, data sets being the unit."
    ),
    judge=partial(rank_claim.judge, datasets=PROBLEMS),
)
_UNIFORM = tuple(
    Claim(
        name=f"depth-{dataset}",
        datasets=(dataset,),
        statement="The depth preference is near uniform on the MedMNIST problems.",
        test=(
            "After the last epoch, the largest distance of an exit's theta from 1/D is at most "
            "0.05, in the mean over the SAE configurations; undecided if theta has never moved."
        ),
        judge=partial(depth_claims.near_uniform, dataset=dataset),
    )
    for dataset in PROBLEMS
    if dataset != "tinyimagenet"
)
_DEEP = Claim(
    name="depth-tinyimagenet",
    datasets=("tinyimagenet",),
    statement="The depth preference is deep on TinyImageNet.",
    test=(
        "After the last epoch, theta of the last exit is above 1/D, and by at least 0.05, in the "
        "mean over the SAE configurations."
    ),
    judge=partial(depth_claims.deep, dataset="tinyimagenet"),
)
_SAVINGS = (
    Claim(
        name="savings",
        datasets=PROBLEMS,
        statement=(
            "Competitive accuracy or calibration with up to 1.5 to 3.7x fewer compute operations "
            "or parameters."
        ),
        test=(
            "On every problem an SAE point with 1.5x fewer FLOPs or parameters than the best "
            "ensemble is competitive with it on test, and on one problem a point with 3.7x fewer."
        ),
        judge=judge_savings,
    ),
    Claim(
        name="savings-like-for-like",
        datasets=PROBLEMS,
        statement="Not in the paper: the savings, against the cheapest ensemble that is "
        "competitive with the best one.",
        test=(
            "As savings; but a smaller ensemble is allowed to be competitive as well, and the SAE "
            "point has to be cheaper than the cheapest such ensemble."
        ),
        judge=partial(judge_savings, like_for_like=True),
    ),
)
_SHIFT = Claim(
    name="shift",
    datasets=PROBLEMS,
    statement="The trade-off holds under distribution shift.",
    test=(
        "On every problem with corrupted test images, the SAE point with 1.5x fewer FLOPs or "
        "parameters is as competitive there, in the mean over corruptions and severities."
    ),
    judge=judge_shift,
)
CLAIMS: tuple[Claim, ...] = (
    *_TRADE_OFFS, *_SETTINGS, _RANKS, _DEEP, *_UNIFORM, *_SAVINGS, _SHIFT
)  # fmt: skip
assert len({claim.name for claim in CLAIMS}) == len(CLAIMS), "two claims share their name"
