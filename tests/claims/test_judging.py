"""Points are chosen on some seeds and judged on the others: by hand, and on planted truths.

`perf/claim_errors.py` has the error rates of every kind of claim.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from bench.claims import best_point, depth_claims, rank_claim, settings, trade_off
from bench.claims.evidence import Evidence, cross_fitted
from bench.claims.paper import PROBLEMS
from bench.claims.trade_off import Cost, TradeOff
from bench.claims.verdict import Finding
from perf.planted_study import Chance, Planted, planted, theta_frame

# Networks and images hardly differ: what is planted is what is measured.
SURE = Chance(image_se=1e-4, seed_sd=1e-4)
ENSEMBLE = Planted(
    name="ens", category="NN Ensemble", flops=300, params=300, truth={"accuracy": 0.8}
)
ASKED = TradeOff(
    dataset="blood", categories=("I/B",), margins={"accuracy": 0.03},
    costs=(Cost(kind="flops", times=1.5),),
)  # fmt: skip


def evidence(*configurations: Planted, chance: Chance = SURE, seed: int = 0) -> Evidence:
    return planted(np.random.default_rng(seed), {"blood": configurations}, chance)


def point(name: str, accuracy: float, flops: float = 100) -> Planted:
    return Planted(
        name=name, category="I/B", flops=flops, params=flops, truth={"accuracy": accuracy}
    )


def test_each_seed_is_judged_with_what_the_others_choose() -> None:
    found = evidence(point("a", 0.5), point("b", 0.5), ENSEMBLE, chance=Chance())
    folds = found.folds("blood", lambda seeds: found.chosen("blood", "accuracy", seeds)["I/B"])
    val = found.frames.runs.query("split == 'val'").pivot_table(
        index="config_id", columns="seed", values="accuracy"
    )
    for seed, config_id in folds.items():
        others = val.drop(columns=seed).mean(axis=1)[["a", "b"]]
        assert config_id == others.idxmax()
    gained = found.gained("blood", {s: {one: 1.0} for s, one in folds.items()}, "accuracy")
    for i, (seed, config_id) in enumerate(folds.items()):
        values = found.measure("blood", config_id, "test", "accuracy").values_S
        assert gained.values_S[i] == values[seed]
    plain, enlarged = gained.estimate, cross_fitted(gained)
    assert enlarged.value == plain.value
    assert enlarged.components[0].variance == pytest.approx(
        plain.components[0].variance * (1 + 4 / 3)
    )
    assert enlarged.components[1] == plain.components[1]


@pytest.mark.parametrize(
    ("points", "verdict", "chosen"),
    [
        ([point("a", 0.79)], "supported", "a"),
        ([point("a", 0.75)], "not supported", "a"),
        ([point("a", 0.79), point("b", 0.795)], "supported", "b"),  # the best of the cheap ones
        ([point("a", 0.79), point("dear", 0.9, flops=250)], "supported", "a"),
        ([point("dear", 0.9, flops=250)], "not supported", "dear"),  # by its cost alone
    ],
)
def test_a_trade_off_is_judged_on_a_cheap_enough_point(
    points: list[Planted], verdict: str, chosen: str
) -> None:
    found = trade_off.judge(evidence(*points, ENSEMBLE), ASKED)
    assert found.verdict == verdict
    assert found.config_ids == (chosen, "ens")


def test_like_for_like_compares_with_the_cheapest_competitive_ensemble() -> None:
    small = Planted(
        name="small", category="NN Ensemble", flops=200, params=200, truth={"accuracy": 0.79}
    )
    asked = TradeOff(**{**vars(ASKED), "like_for_like": True})
    found = trade_off.judge(evidence(point("a", 0.79), ENSEMBLE, small), asked)
    assert found.config_ids == ("a", "small")
    assert found.parts[0].estimate == 2


def test_what_is_missing_is_named() -> None:
    assert trade_off.judge(evidence(ENSEMBLE), ASKED).remark == (
        "blood has no complete configuration of I/B"
    )
    one_seed = evidence(point("a", 0.8), ENSEMBLE, chance=Chance(n_seeds=1))
    assert trade_off.judge(one_seed, ASKED).verdict == "no data"
    two_seeds = evidence(point("a", 0.9), ENSEMBLE, chance=Chance(n_seeds=2, seed_sd=1e-4))
    assert trade_off.judge(two_seeds, ASKED).verdict == "undecided"


def test_what_lost_a_seed_is_never_chosen() -> None:
    found = evidence(point("a", 0.75), point("lost", 0.9), ENSEMBLE)
    runs = found.frames.runs
    whole = runs[~((runs["config_id"] == "lost") & (runs["seed"] == 3))]
    fewer = Evidence(type(found.frames)(**{**vars(found.frames), "runs": whole}), found.measure)
    assert trade_off.judge(fewer, ASKED).config_ids == ("a", "ens")


def test_a_part_of_tiny_imagenet_stands_for_it_where_the_whole_was_not_run() -> None:
    rng = np.random.default_rng(0)
    part = planted(rng, {"tinyimagenet40": [ENSEMBLE]}, SURE).frames
    assert {*part.runs["dataset"]} == {"tinyimagenet"}
    both = planted(rng, {"tinyimagenet40": [ENSEMBLE], "tinyimagenet": [ENSEMBLE]}, SURE).frames
    assert {*both.runs["dataset"]} == {"tinyimagenet40", "tinyimagenet"}


def test_many_equal_points_are_not_the_better_for_being_many() -> None:
    """48 points at the margin, networks that differ three times as much as images allow for."""
    asked_truth = 0.8 - 0.03 - 1e-6
    verdicts = [
        trade_off.judge(
            evidence(
                *(point(f"p{i}", asked_truth) for i in range(48)), ENSEMBLE,
                chance=Chance(seed_sd=0.03), seed=seed,
            ),
            ASKED,
        ).verdict
        for seed in range(40)
    ]  # fmt: skip
    assert verdicts.count("supported") <= 4  # 17.5% where the same networks chose and judged


@pytest.mark.parametrize(
    ("ee", "flops", "verdict"),
    [(0.85, 50, "supported"), (0.85, 90, "not supported"), (0.75, 50, "not supported")],
)
def test_the_best_point_beats_each_other_category(ee: float, flops: float, verdict: str) -> None:
    asked = best_point.BestPoint(
        dataset="blood", category="EE", metric="f1", rival="BatchEnsemble", share=0.6
    )
    found = best_point.judge(
        evidence(
            Planted(name="ee", category="EE", flops=flops, truth={"f1": ee}),
            Planted(name="be", category="BatchEnsemble", truth={"f1": 0.8}),
            Planted(name="nn", category="Standard NN", truth={"f1": 0.7}),
        ),
        asked,
    )
    assert found.verdict == verdict
    assert [part.estimate for part in found.parts] == pytest.approx(
        [ee - 0.8, ee - 0.7, flops / 100], abs=1e-3
    )


def cell(n: int, k: int, i: int, dataset: str = "", **truth: float) -> Planted:
    return Planted(name=f"{dataset}{n}{k}{i}", category="I/B", n_inputs=n, n_exits=k, truth=truth)


def test_the_best_cells_of_two_metrics() -> None:
    """Cell averages: one configuration of N=1 is the best of all, its cell is not."""
    differ = evidence(
        cell(1, 1, 0, accuracy=0.95, nll=0.5), cell(1, 1, 1, accuracy=0.55, nll=0.5),
        cell(2, 1, 0, accuracy=0.8, nll=0.5), cell(2, 1, 1, accuracy=0.8, nll=0.5),
        cell(3, 1, 0, accuracy=0.6, nll=0.3), cell(3, 1, 1, accuracy=0.6, nll=0.3),
    )  # fmt: skip
    found = settings.within(differ, "blood")
    assert found.verdict == "supported"
    assert "Accuracy on blood: N=2 K=1 and NLL (nats) on blood: N=3 K=1 (4 seeds)" in found.remark
    same = evidence(
        *(cell(2, 1, i, accuracy=0.9, nll=0.3, f1=0.9, ece=0.1, cc_ece=0.1) for i in range(2)),
        *(cell(1, 1, i) for i in range(2)),
    )
    assert settings.within(same, "blood").verdict == "not supported"


def test_the_best_cells_of_two_data_sets() -> None:
    def study(best: Mapping[str, int]) -> Evidence:
        return planted(
            np.random.default_rng(0),
            {
                dataset: [cell(n, 1, 0, dataset, nll=0.3 if n == at else 0.5) for n in (1, 2, 3)]
                for dataset, at in best.items()
            },
            SURE,
        )

    two = ("blood", "pneumonia")
    assert settings.across(study({"blood": 1, "pneumonia": 3}), two).verdict == "supported"
    assert settings.across(study({"blood": 3, "pneumonia": 3}), two).verdict == "not supported"
    assert settings.across(study({"blood": 1}), two).verdict == "no data"
    few = {"blood": [cell(1, 1, 0, "b"), cell(2, 1, 0, "b")], "pneumonia": [cell(2, 1, 0, "p")]}
    found = settings.across(planted(np.random.default_rng(0), few, SURE), two)
    assert found.verdict == "no data"
    assert "no two criteria have two settings" in found.remark


def test_more_inputs_help_or_do_not() -> None:
    def verdict(several: float) -> str:
        configurations = [cell(1, 1, 0, nll=0.5), cell(2, 1, 0, nll=several)]
        return settings.more_inputs(evidence(*configurations), "blood").verdict

    assert verdict(0.4) == "supported"
    assert verdict(0.6) == "not supported"


def test_ranks_have_data_sets_as_their_unit() -> None:
    def study(ahead: float, datasets: tuple[str, ...] = PROBLEMS) -> Finding:
        signs = {"accuracy": 1, "f1": 1, "nll": -1, "ece": -1, "cc_ece": -1, "mse": -1,
                 "coverage_error": -1}  # fmt: skip
        configurations = {
            dataset: [
                Planted(
                    name=f"{dataset}{category}", category=category,
                    truth={
                        key: 0.5 + sign * ahead * (category == "EE") for key, sign in signs.items()
                    },
                )
                for category in ("EE", "Standard NN", "NN Ensemble")
            ]
            for dataset in datasets
        }  # fmt: skip
        return rank_claim.judge(planted(np.random.default_rng(0), configurations, SURE), PROBLEMS)

    (part,) = study(0.1).parts
    assert (part.verdict, part.estimate) == ("supported", 1.5)  # ranks 1 and (2 + 3) / 2
    assert study(-0.1).verdict == "not supported"
    assert study(0.1, PROBLEMS[:2]).verdict == "no data"


@pytest.mark.parametrize(
    ("theta", "uniform", "deep"),
    [
        ([[0.48, 0.52], [0.52, 0.48], [0.49, 0.51], [0.5, 0.5]], "supported", "not supported"),
        ([[0.3, 0.7], [0.31, 0.69], [0.3, 0.7], [0.29, 0.71]], "not supported", "supported"),
        ([[0.4, 0.6], [0.5, 0.5], [0.45, 0.55], [0.46, 0.54]], "undecided", "undecided"),
        ([[0.499, 0.501]] * 4, "undecided", "undecided"),  # never moved
    ],
)
def test_depth_preferences(theta: list[list[float]], uniform: str, deep: str) -> None:
    study = planted(
        np.random.default_rng(0), {"blood": [Planted(name="a", category="EE")]}, SURE,
        theta_frame("blood", {"a": theta}),
    )  # fmt: skip
    found = depth_claims.near_uniform(study, "blood")
    assert found.verdict == uniform
    assert depth_claims.deep(study, "blood").verdict == deep
    far = [max(abs(share - 0.5) for share in of_seed) for of_seed in theta]
    assert found.parts[0].estimate == pytest.approx(0.05 - np.mean(far))
    assert ("inert" in found.parts[0].note) == (max(far) <= depth_claims.INERT)


@pytest.mark.parametrize(("optimum", "held"), [(0.54, True), (0.46, True), (0.56, False)])
def test_a_depth_preference_that_the_objective_holds_at_uniform_is_undecided(
    optimum: float, held: bool
) -> None:
    theta = {"a": [[0.48, 0.52], [0.52, 0.48], [0.49, 0.51], [0.5, 0.5]]}
    frame = theta_frame("blood", theta, optimum)
    configurations = {"blood": [Planted(name="a", category="EE")]}
    study = planted(np.random.default_rng(0), configurations, SURE, frame)
    (part,) = depth_claims.near_uniform(study, "blood").parts
    assert part.verdict == ("undecided" if held else "supported")
    assert ("the objective's own optimum" in part.note) == held
    # Older records have no optimum: nothing is known against them.
    old = planted(np.random.default_rng(0), configurations, SURE, frame.assign(optimum=np.nan))
    assert depth_claims.near_uniform(old, "blood").verdict == "supported"
