"""Cheaper and about as good: every verdict forced, ratios by hand."""

from dataclasses import replace

import pytest

from bench.claims.trade_offs import Cost, Quality, TradeOff, judge
from bench.claims.verdict import Part
from claims.conftest import Width
from claims.hand_made import Made, frames

ASKED = TradeOff(
    dataset="blood",
    categories=("I/B",),
    qualities=(Quality(metric="accuracy", margin=0.03),),
    costs=(Cost(kind="flops", times=3.2), Cost(kind="params", times=1.5)),
)
ENSEMBLE = Made(
    name="ensemble", category="NN Ensemble", flops=640, params=300,
    val={"accuracy": 0.90}, test={"accuracy": 0.88},
)  # fmt: skip
# 640 / 160 = 4 >= 3.2 and 300 / 150 = 2 >= 1.5.
POINT = Made(
    name="point", category="I/B", flops=160, params=150,
    val={"accuracy": 0.89}, test={"accuracy": 0.87},
)  # fmt: skip


def parts_of(*configurations: Made, asked: TradeOff = ASKED) -> dict[str, Part]:
    finding = judge(frames("blood", *configurations), asked)
    return {part.what: part for part in finding.parts}


def test_supported_with_ratios_by_hand(width: Width) -> None:
    width(0.015)
    finding = judge(frames("blood", ENSEMBLE, POINT), ASKED)
    assert finding.verdict == "supported"
    flops, params, accuracy = finding.parts
    assert (flops.estimate, flops.rule, flops.unit) == (4.0, ">= 3.2x", "x")
    assert (params.estimate, params.rule) == (2.0, ">= 1.5x")
    assert (accuracy.rule, accuracy.note) == (">= -0.03", "2 seeds in common")
    assert (accuracy.estimate, accuracy.low, accuracy.high) == pytest.approx((-0.01, -0.025, 0.005))
    assert finding.remark == "I/B label of point against NN Ensemble label of ensemble"
    assert finding.config_ids == ("point", "ensemble")


def test_undecided_if_the_margin_lies_in_the_interval(width: Width) -> None:
    width(0.025)  # -0.01 +- 0.025 holds -0.03
    assert judge(frames("blood", ENSEMBLE, POINT), ASKED).verdict == "undecided"


def test_not_supported_if_the_interval_lies_outside_the_margin(width: Width) -> None:
    width(0.015)
    worse = replace(POINT, test={"accuracy": 0.83})  # -0.05 +- 0.015
    assert judge(frames("blood", ENSEMBLE, worse), ASKED).verdict == "not supported"


def test_a_better_point_is_within_any_margin(width: Width) -> None:
    width(0.015)
    better = replace(POINT, test={"accuracy": 0.99})
    assert judge(frames("blood", ENSEMBLE, better), ASKED).verdict == "supported"


def test_a_negative_margin_asks_for_an_improvement_of_its_size(width: Width) -> None:
    width(0.005)
    asked = replace(ASKED, qualities=(Quality(metric="ece", margin=-0.04),))
    for ece, verdict in ((0.05, "supported"), (0.057, "undecided"), (0.08, "not supported")):
        point = replace(POINT, test={"ece": ece})  # the ensemble's is 0.1
        part = parts_of(ENSEMBLE, point, asked=asked)["ECE, difference on test"]
        assert (part.rule, part.verdict) == ("<= -0.04", verdict)


def test_no_point_that_is_cheap_enough_refutes_by_costs_alone(width: Width) -> None:
    width(0.001)
    # Savings (FLOPs, parameters): 2 and 1; 3.2 and 1.2. Smallest shares of the bounds: 0.625, 0.8.
    dear = replace(POINT, name="dear", flops=320, params=300, val={"accuracy": 0.99})
    near = replace(POINT, name="near", flops=200, params=250, val={"accuracy": 0.80})
    finding = judge(frames("blood", ENSEMBLE, dear, near), ASKED)
    assert finding.verdict == "not supported"
    assert finding.config_ids == ("near", "ensemble")
    assert [part.estimate for part in finding.parts[:2]] == [3.2, 1.2]
    assert [part.verdict for part in finding.parts[:2]] == ["supported", "not supported"]
    assert "no point is cheap enough" in finding.remark


@pytest.mark.parametrize(
    ("configurations", "missing"),
    [
        ((), "no runs on blood"),
        ((ENSEMBLE,), "blood has no runs of I/B"),
        ((POINT,), "blood has no runs of NN Ensemble"),
        (
            (replace(POINT, name="other", category="EE"),),
            "blood has no runs of NN Ensemble and none of I/B",
        ),
    ],
)
def test_no_data_says_what_is_missing(configurations: tuple[Made, ...], missing: str) -> None:
    study = frames("pneumonia", POINT)
    if configurations:
        study = frames("blood", *configurations)
    finding = judge(study, ASKED)
    assert (finding.verdict, finding.remark) == ("no data", missing)


def test_runs_without_a_test_split_are_no_data() -> None:
    study = frames("blood", ENSEMBLE, POINT)
    runs = study.runs[(study.runs["split"] == "val") | (study.runs["config_id"] == "ensemble")]
    assert judge(replace(study, runs=runs), ASKED).remark == "blood has no runs of I/B"


def test_configurations_without_a_common_seed_leave_it_undecided(width: Width) -> None:
    width(0.01)
    apart = replace(POINT, by_seed={7: 0.0})
    finding = judge(frames("blood", ENSEMBLE, apart), ASKED)
    assert finding.verdict == "undecided"
    assert finding.parts[-1].verdict == "no data"
    assert finding.parts[-1].note == "no value in a common seed"
    assert "(1 of 2 seeds)" in finding.remark


def test_ensemble_and_point_are_chosen_on_validation_alone(width: Width) -> None:
    width(0.0)
    lucky = replace(ENSEMBLE, name="lucky", val={"accuracy": 0.80}, test={"accuracy": 1.0})
    unlucky = replace(POINT, name="unlucky", val={"accuracy": 0.85}, test={"accuracy": 0.99})
    study = frames("blood", ENSEMBLE, POINT, lucky, unlucky)
    assert judge(study, ASKED).config_ids == ("point", "ensemble")


def test_the_point_has_the_largest_smallest_slack(width: Width) -> None:
    width(0.0)
    asked = replace(ASKED, qualities=(*ASKED.qualities, Quality(metric="ece", margin=-0.04)))
    # Slacks on validation in accuracy and ECE (the ensemble has 0.90 and 0.10):
    # one: -0.01 + 0.03 = 0.02 and 0.05 - 0.04 = 0.01; two: 0.05 and 0.00; three: 0.015 and 0.03.
    one = replace(POINT, name="one", val={"accuracy": 0.89, "ece": 0.05})
    two = replace(POINT, name="two", val={"accuracy": 0.92, "ece": 0.06})
    three = replace(POINT, name="three", val={"accuracy": 0.885, "ece": 0.03})
    finding = judge(frames("blood", ENSEMBLE, one, two, three), asked)
    assert finding.config_ids[0] == "three"


def test_equal_points_go_to_fewer_flops(width: Width) -> None:
    width(0.0)
    cheaper = replace(POINT, name="zz", flops=100)
    assert judge(frames("blood", ENSEMBLE, POINT, cheaper), ASKED).config_ids[0] == "zz"


def test_a_point_with_a_missing_value_in_a_seed_is_not_chosen(width: Width) -> None:
    width(0.0)
    broken = replace(POINT, name="broken", val={"accuracy": 1.0}, by_seed={0: 0.0, 1: float("nan")})
    assert judge(frames("blood", ENSEMBLE, POINT, broken), ASKED).config_ids[0] == "point"


def test_either_cost_is_the_larger_saving(width: Width) -> None:
    width(0.0)
    asked = replace(ASKED, costs=(Cost(kind="either", times=3.7),))
    # FLOPs 640 / 640 = 1, parameters 300 / 75 = 4.
    small = replace(POINT, flops=640, params=75)
    (cost, _) = judge(frames("blood", ENSEMBLE, small), asked).parts
    assert (cost.estimate, cost.verdict) == (4.0, "supported")


def test_a_strict_bound_is_not_met_at_it(width: Width) -> None:
    width(0.0)
    asked = replace(ASKED, costs=(Cost(kind="flops", times=1.0, strict=True),))
    for flops, verdict in ((640, "not supported"), (639, "supported")):
        finding = judge(frames("blood", ENSEMBLE, replace(POINT, flops=flops)), asked)
        assert (finding.parts[0].rule, finding.parts[0].verdict) == ("> 1x", verdict)


def test_like_for_like_compares_with_the_cheapest_competitive_ensemble(width: Width) -> None:
    width(0.0)
    asked = replace(ASKED, costs=(Cost(kind="either", times=1.5),), like_for_like=True)
    # 0.88 is within 0.03 of 0.90, 0.86 is not.
    small = replace(ENSEMBLE, name="small", flops=400, params=200, val={"accuracy": 0.88})
    tiny = replace(ENSEMBLE, name="tiny", flops=200, params=100, val={"accuracy": 0.86})
    finding = judge(frames("blood", ENSEMBLE, small, tiny, POINT), asked)
    assert finding.config_ids == ("point", "small")
    assert finding.parts[0].estimate == 2.5  # 400 / 160; parameters 200 / 150
