"""The paper's statements: one row each. Numbers are the paper's; docs/claims.md says what is ours.

Ferianc, Fan, Rodrigues: SAE: Single Architecture Ensemble Neural Networks, BMVC 2024,
arXiv 2402.06580.
"""

from __future__ import annotations

from functools import partial

from bench.claims import best_point, best_settings, depth, savings, trade_offs
from bench.claims.claim import Claim
from bench.claims.trade_offs import Cost, Quality, TradeOff
from bench.claims.verdict import Finding, Part, any_of
from bench.records.frames import Frames

PROBLEMS = ("tinyimagenet", "blood", "pneumonia", "retina")
# Where the paper gives no number. Comparable parameters: up to a tenth more.
COMPARABLE_PARAMS = Cost(kind="params", times=1 / 1.1)
COMPARABLE_NLL = 0.05  # nats: the geometric mean of the densities is within 5%
ABOUT_HALF = 0.6

_TINYIMAGENET = TradeOff(
    dataset="tinyimagenet",
    categories=("I/B",),
    qualities=(Quality(metric="accuracy", margin=0.03), Quality(metric="ece", margin=-0.04)),
    costs=(Cost(kind="flops", times=3.2), Cost(kind="params", times=1.5)),
)
_BLOOD = tuple(
    TradeOff(
        dataset="blood",
        categories=("I/B",),
        qualities=(Quality(metric=metric, margin=0.01),),
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
    qualities=(Quality(metric="nll", margin=COMPARABLE_NLL),),
    costs=(
        Cost(kind="flops", times=1.0, strict=True),
        Cost(kind="params", times=1.0, strict=True),
    ),
)


def judge_either(frames: Frames, asked: tuple[TradeOff, ...]) -> Finding:
    """One of several trade-offs has to hold."""
    findings = [trade_offs.judge(frames, one) for one in asked]
    parts: list[Part] = [part for finding in findings for part in finding.parts]
    ids = dict.fromkeys(i for finding in findings for i in finding.config_ids)
    return Finding(
        verdict=any_of(finding.verdict for finding in findings),
        parts=tuple(parts),
        remark="; or ".join(dict.fromkeys(finding.remark for finding in findings)),
        config_ids=tuple(ids),
    )


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
        judge=partial(trade_offs.judge, asked=_TINYIMAGENET),
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
        judge=partial(trade_offs.judge, asked=_RETINA),
    ),
)
_SETTINGS = tuple(
    Claim(
        name=f"settings-{dataset}",
        datasets=(dataset,),
        statement="The best (N, K) differ between the metrics of one dataset.",
        test=(
            "For some pair of metrics, the best SAE configurations on validation differ in (N, K), "
            "and on test each is better than the other in its own metric (5%, corrected for the "
            "number of pairs)."
        ),
        judge=partial(best_settings.judge, dataset=dataset),
    )
    for dataset in PROBLEMS
)
_UNIFORM = tuple(
    Claim(
        name=f"depth-{dataset}",
        datasets=(dataset,),
        statement="The depth preference is near uniform on the MedMNIST problems.",
        test=(
            "After the last epoch, the largest distance of an exit's theta from 1/D is at most "
            "0.05, in the mean over the SAE configurations."
        ),
        judge=partial(depth.near_uniform, dataset=dataset),
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
    judge=partial(depth.deep, dataset="tinyimagenet"),
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
        judge=partial(savings.judge, datasets=PROBLEMS, like_for_like=False),
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
        judge=partial(savings.judge, datasets=PROBLEMS, like_for_like=True),
    ),
)
CLAIMS: tuple[Claim, ...] = (*_TRADE_OFFS, *_SETTINGS, _DEEP, *_UNIFORM, *_SAVINGS)
assert len({claim.name for claim in CLAIMS}) == len(CLAIMS), "two claims share their name"
