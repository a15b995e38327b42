"""One category is the best at a share of another one's FLOPs: every verdict forced."""

from dataclasses import replace

import pytest

from bench.claims.best_point import BestPoint, judge
from claims.conftest import Width
from claims.hand_made import Made, frames

ASKED = BestPoint(dataset="pneumonia", category="EE", metric="f1", rival="BatchEnsemble", share=0.6)
EE = Made(name="ee", category="EE", flops=55, val={"f1": 0.92}, test={"f1": 0.90})
BATCH = Made(name="batch", category="BatchEnsemble", flops=100, val={"f1": 0.90}, test={"f1": 0.87})
STANDARD = Made(name="standard", category="Standard NN", val={"f1": 0.88}, test={"f1": 0.86})


def test_supported_if_better_than_every_other_and_cheap(width: Width) -> None:
    width(0.02)
    finding = judge(frames("pneumonia", EE, BATCH, STANDARD), ASKED)
    assert finding.verdict == "supported"
    batch, standard, flops = finding.parts
    assert (batch.what, batch.rule) == ("Macro F1, BatchEnsemble minus EE on test", "< 0")
    assert (batch.estimate, batch.low, batch.high) == pytest.approx((-0.03, -0.05, -0.01))
    assert standard.estimate == pytest.approx(-0.04)
    assert (flops.what, flops.estimate, flops.rule) == (
        "FLOPs, EE / BatchEnsemble",
        0.55,
        "<= 0.6x",
    )
    assert set(finding.config_ids) == {"ee", "batch", "standard"}


def test_undecided_if_another_one_may_be_as_good(width: Width) -> None:
    width(0.035)  # -0.03 +- 0.035 holds 0
    assert judge(frames("pneumonia", EE, BATCH, STANDARD), ASKED).verdict == "undecided"


def test_not_supported_if_another_one_is_better_after_holm(width: Width) -> None:
    better = replace(STANDARD, test={"f1": 0.95})
    study = frames("pneumonia", EE, BATCH, better)
    width(0.02, p=0.024)  # the stand-in's Holm p is twice as large
    assert judge(study, ASKED).verdict == "not supported"
    width(0.02, p=0.026)
    assert judge(study, ASKED).verdict == "undecided"


def test_not_supported_by_its_flops(width: Width) -> None:
    width(0.02)
    finding = judge(frames("pneumonia", replace(EE, flops=61), BATCH), ASKED)
    assert finding.verdict == "not supported"
    assert [part.verdict for part in finding.parts] == ["supported", "not supported"]


def test_the_rival_is_the_nearest_on_validation_not_the_best(width: Width) -> None:
    width(0.0)
    # 0.95 is 0.03 away from EE's 0.92, 0.90 is 0.02 away.
    best = replace(BATCH, name="best", flops=1000, val={"f1": 0.95})
    finding = judge(frames("pneumonia", EE, BATCH, best), ASKED)
    assert finding.parts[-1].estimate == 0.55
    assert finding.parts[0].estimate == pytest.approx(-0.03)
    assert "nearest BatchEnsemble: BatchEnsemble label of batch" in finding.remark
    assert set(finding.config_ids) == {"ee", "batch", "best"}


def test_each_category_stands_with_its_best_on_validation(width: Width) -> None:
    width(0.0)
    lucky = replace(STANDARD, name="lucky", val={"f1": 0.5}, test={"f1": 1.0})
    finding = judge(frames("pneumonia", EE, BATCH, STANDARD, lucky), ASKED)
    assert finding.verdict == "supported"
    assert "lucky" not in finding.config_ids


def test_lower_is_better_where_it_is(width: Width) -> None:
    width(0.01)
    asked = replace(ASKED, metric="ece")
    good = replace(EE, val={"ece": 0.02}, test={"ece": 0.02})
    finding = judge(frames("pneumonia", good, replace(BATCH, val={"ece": 0.03})), asked)
    part = finding.parts[0]
    assert (part.rule, part.verdict) == ("> 0", "undecided")  # 0.01 +- 0.01
    worse = replace(BATCH, val={"ece": 0.03}, test={"ece": 0.05})
    assert judge(frames("pneumonia", good, worse), asked).parts[0].verdict == "supported"


def test_no_data_says_what_is_missing() -> None:
    assert judge(frames("blood", EE), ASKED).remark == "no runs on pneumonia"
    assert judge(frames("pneumonia", BATCH), ASKED).remark == "pneumonia has no runs of EE"
    alone = judge(frames("pneumonia", EE), ASKED)
    assert (alone.verdict, alone.remark) == (
        "no data", "pneumonia has no runs of anything to compare with",
    )  # fmt: skip


def test_without_a_rival_the_flops_are_missing(width: Width) -> None:
    width(0.02)
    finding = judge(frames("pneumonia", EE, STANDARD), ASKED)
    assert finding.verdict == "undecided"
    assert (finding.parts[-1].verdict, finding.parts[-1].note) == (
        "no data", "no runs of BatchEnsemble",
    )  # fmt: skip
