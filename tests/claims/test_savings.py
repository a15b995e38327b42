"""The range of savings over datasets: every verdict forced, ratios by hand."""

import pytest

from bench.claims.savings import COMPETITIVE, judge
from bench.records.frames import Frames
from claims.conftest import Width
from claims.hand_made import Made, frames, joined

BOTH = ("blood", "retina")


def of_blood(*, flops: float, f1: float = 0.80) -> Frames:
    """An ensemble of 1000 FLOPs and an SAE point; parameters are as many."""
    ensemble = Made(name="blood-ens", category="NN Ensemble", flops=1000, val={"f1": 0.80})
    point = Made(name="blood-sae", category="EE", flops=flops, val={"f1": 0.80}, test={"f1": f1})
    return frames("blood", ensemble, point)


def of_retina(*, flops: float, nll: float = 0.5) -> Frames:
    ensemble = Made(name="retina-ens", category="NN Ensemble", flops=1000)
    point = Made(name="retina-sae", category="MIMO", flops=flops, test={"nll": nll})
    return frames("retina", ensemble, point)


def test_supported_if_all_save_the_least_and_one_the_most(width: Width) -> None:
    width(0.005)
    # 1000 / 500 = 2 >= 1.5; 1000 / 250 = 4 >= 3.7.
    study = joined(of_blood(flops=500), of_retina(flops=250))
    finding = judge(study, BOTH, like_for_like=False)
    assert finding.verdict == "supported"
    assert finding.remark == "savings of the competitive points: 2.00x to 4.00x"
    savings = {part.what: part.estimate for part in finding.parts if part.unit == "x"}
    assert savings == {
        "blood, 1.5x: FLOPs or parameters, NN Ensemble / EE": 2.0,
        "retina, 1.5x: FLOPs or parameters, NN Ensemble / MIMO": 4.0,
        "blood, 3.7x: FLOPs or parameters, NN Ensemble / EE": 2.0,
        "retina, 3.7x: FLOPs or parameters, NN Ensemble / MIMO": 4.0,
    }


def test_the_range_is_over_both_kinds_of_points(width: Width) -> None:
    width(0.005)
    large = Made(name="large", category="NN Ensemble", flops=1000, val={"f1": 0.80})
    better = Made(name="better", category="EE", flops=500, val={"f1": 0.81}, test={"f1": 0.81})
    cheaper = Made(name="cheaper", category="EE", flops=100, val={"f1": 0.80}, test={"f1": 0.80})
    finding = judge(frames("blood", large, better, cheaper), ("blood",), like_for_like=False)
    assert finding.remark == "savings of the competitive points: 2.00x to 10.00x"
    assert finding.config_ids == ("better", "large", "cheaper")


def test_not_supported_if_none_saves_the_most(width: Width) -> None:
    width(0.005)
    study = joined(of_blood(flops=500), of_retina(flops=300))  # 3.33 < 3.7
    assert judge(study, BOTH, like_for_like=False).verdict == "not supported"


def test_not_supported_if_one_does_not_save_the_least(width: Width) -> None:
    width(0.005)
    study = joined(of_blood(flops=700), of_retina(flops=250))
    assert judge(study, BOTH, like_for_like=False).verdict == "not supported"


def test_not_supported_if_what_is_saved_costs_quality(width: Width) -> None:
    width(0.005)
    study = joined(of_blood(flops=500, f1=0.7), of_retina(flops=250))
    assert judge(study, BOTH, like_for_like=False).verdict == "not supported"


def test_undecided_quality_leaves_it_undecided(width: Width) -> None:
    width(0.06)  # wider than both margins
    study = joined(of_blood(flops=500), of_retina(flops=250))
    finding = judge(study, BOTH, like_for_like=False)
    assert finding.verdict == "undecided"
    assert finding.remark == "no point with a saving is shown to be competitive"


def test_a_missing_dataset_leaves_it_undecided_and_is_named(width: Width) -> None:
    width(0.005)
    finding = judge(of_retina(flops=250), BOTH, like_for_like=False)
    assert finding.verdict == "undecided"
    assert finding.remark == "savings of the competitive points: 4.00x; no runs on blood"


def test_without_any_dataset_there_is_no_data() -> None:
    finding = judge(frames("digits", Made(name="a", category="EE")), BOTH, like_for_like=False)
    assert finding.verdict == "no data"
    assert "no runs on blood; no runs on retina" in finding.remark


def test_a_smaller_ensemble_that_is_as_good_takes_the_saving_away(width: Width) -> None:
    width(0.005)
    small = Made(name="small", category="NN Ensemble", flops=260, val={"f1": 0.795})
    study = joined(of_blood(flops=250), frames("blood", small))
    fair, paper = (judge(study, ("blood",), like_for_like=fair) for fair in (True, False))
    assert paper.verdict == "supported"
    assert fair.verdict == "not supported"
    assert fair.parts[0].estimate == pytest.approx(260 / 250)


def test_margins_are_those_of_the_docs() -> None:
    margins = {name: (q.metric, q.margin) for name, q in COMPETITIVE.items()}
    assert margins == {
        "tinyimagenet": ("accuracy", 0.03), "blood": ("f1", 0.01), "pneumonia": ("f1", 0.01),
        "retina": ("nll", 0.05),
    }  # fmt: skip


def test_competitive_is_up_to_its_margin(width: Width) -> None:
    width(0.0)
    for f1, verdict in ((0.791, "supported"), (0.789, "not supported")):
        study = of_blood(flops=250, f1=f1)
        assert judge(study, ("blood",), like_for_like=False).verdict == verdict
