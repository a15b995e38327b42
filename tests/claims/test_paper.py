"""The rows of the paper: complete, answered without records, and judged on stored ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.claims.claim import judge_all
from bench.claims.evidence import Evidence
from bench.claims.paper import CLAIMS, PROBLEMS, judge_either, judge_savings, judge_shift
from bench.claims.trade_off import Cost, TradeOff
from bench.records.frames import load_frames
from claims.stored_study import predictive, save
from perf.planted_study import TASKS, Chance, Planted, planted

BY_NAME = {claim.name: claim for claim in CLAIMS}


def test_the_rows() -> None:
    assert list(BY_NAME) == [
        "tinyimagenet-ib", "blood-ib", "pneumonia-ee", "retina-mimo",
        *(f"settings-{name}" for name in PROBLEMS), "settings-across",
        *(f"inputs-{name}" for name in PROBLEMS), "ranks",
        "depth-tinyimagenet", "depth-blood", "depth-pneumonia", "depth-retina",
        "savings", "savings-like-for-like", "shift",
    ]  # fmt: skip


def test_without_runs_there_is_no_data() -> None:
    study = {"digits": [Planted(name="a", category="I/B")]}
    evidence = planted(np.random.default_rng(0), study, Chance())
    for name, claim in BY_NAME.items():
        finding = claim.judge(evidence)
        assert (finding.verdict, finding.config_ids) == ("no data", ()), name
        assert finding.remark


def problems(saving: float, behind: float) -> Evidence:
    """On each problem an SAE point that saves, behind the ensemble by a share of the margin."""
    study = {}
    for dataset in PROBLEMS:
        metric, margin = {
            "tinyimagenet": ("accuracy", 0.03), "blood": ("f1", 0.01), "pneumonia": ("f1", 0.01),
            "retina": ("nll", -0.05),
        }[dataset]  # fmt: skip
        study[dataset] = [
            Planted(name=f"{dataset}e", category="NN Ensemble", truth={metric: 0.6}),
            Planted(
                name=f"{dataset}s", category="MIMO", flops=100 / saving, params=100 / saving,
                truth={metric: 0.6 - behind * margin},
            ),
        ]  # fmt: skip
    assert set(TASKS) == {"retina"}
    return planted(np.random.default_rng(0), study, Chance(image_se=1e-5, seed_sd=1e-5))


@pytest.mark.parametrize(
    ("saving", "behind", "verdict"),
    [(4.0, 0.5, "supported"), (2.0, 0.5, "not supported"), (4.0, 1.5, "not supported")],
)
def test_savings_everywhere_and_the_largest_somewhere(
    saving: float, behind: float, verdict: str
) -> None:
    found = judge_savings(problems(saving, behind))
    assert found.verdict == verdict
    assert len(found.parts) == 2 * 2 * len(PROBLEMS)
    if verdict == "supported":
        assert found.remark == "savings of the competitive points: 4.00x"


def test_shift_asks_for_the_same_under_corruption() -> None:
    assert judge_shift(problems(2.0, 0.5)).verdict == "supported"
    assert judge_shift(problems(2.0, 1.5)).verdict == "not supported"


def test_of_two_chances_one_has_to_hold_at_a_stricter_level() -> None:
    asked = [
        TradeOff(
            dataset="blood", categories=("I/B",), margins={metric: 0.01},
            costs=(Cost(kind="flops", times=1),),
        )
        for metric in ("f1", "ece")
    ]  # fmt: skip
    study = {
        "blood": [
            Planted(name="e", category="NN Ensemble", truth={"f1": 0.8, "ece": 0.1}),
            Planted(name="p", category="I/B", truth={"f1": 0.5, "ece": 0.1}),
        ]
    }
    chance = Chance(image_se=1e-4, seed_sd=1e-4)
    evidence = planted(np.random.default_rng(0), study, chance)
    found = judge_either(evidence, asked)
    assert found.verdict == "supported"
    alone = judge_either(evidence, asked[1:])
    width = [one.parts[-1].high - one.parts[-1].low for one in (found, alone)]
    assert width[0] > 1.1 * width[1]


def test_records_are_judged_with_their_runs_and_scale(tmp_path: Path) -> None:
    for seed in range(3):
        good, bad = predictive(range(20 + seed)), predictive(range(100 + seed))
        save(tmp_path, "ens", "NN Ensemble", val=good, test=good, flops=200, seed=seed)
        settings = {"n_inputs": 2, "n_exits": 2}
        save(tmp_path, "ib", "I/B", val=bad, test=bad, settings=settings, seed=seed)
    (judged,) = judge_all([BY_NAME["blood-ib"]], Evidence(load_frames(tmp_path)))
    parts = {part.what: part for part in judged.finding.parts}
    f1 = parts["Macro F1, gain over NN Ensemble on test"]
    assert f1.verdict == "not supported"
    # 80 more errors in 200, fewer than half of the images: F1 falls by about as much.
    assert f1.estimate == pytest.approx(-0.4, abs=0.02)
    assert f1.low < f1.estimate < f1.high < -0.2
    assert judged.run_ids == tuple(
        sorted(f"blood-sae-{n}-s{s}" for n in ("ens", "ib") for s in range(3))
    )
    assert judged.scale == ("blood: epochs 3, seeds 3, training images 1234, classes 3",)
