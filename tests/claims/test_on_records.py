"""From stored predictions to a verdict: the real bootstrap, with differences that are known."""

import json
from pathlib import Path

import pytest

from bench.claims.evidence import on_test
from bench.claims.judging import judge_all, scale_of
from bench.claims.paper import CLAIMS
from bench.records.frames import load_frames
from claims.stored_study import N_TEST, predictive, save

BLOOD = next(claim for claim in CLAIMS if claim.name == "blood-ib")
SOME_WRONG = range(20)


def study(root: Path, point_wrong: range) -> Path:
    """An ensemble with 10% errors, and a point with other ones, at half of its FLOPs."""
    good = predictive(SOME_WRONG)
    for seed in (0, 1):
        save(root, "ens", "NN Ensemble", seed=seed, val=good, test=good, flops=200)
        save(
            root, "ib", "I/B", seed=seed, val=good, test=predictive(point_wrong),
            settings={"n_inputs": 2, "n_exits": 2},
        )  # fmt: skip
    return root


def test_equal_predictions_differ_by_exactly_nothing(tmp_path: Path) -> None:
    frames = load_frames(study(tmp_path, SOME_WRONG))
    found = on_test(frames, ["ib"], "ens")["ib", "f1"]
    assert (found.estimate, found.low, found.high, found.n_seeds) == (0.0, 0.0, 0.0, 2)
    (judged,) = judge_all([BLOOD], frames)
    assert judged.finding.verdict == "supported"
    assert judged.run_ids == tuple(f"blood-sae-{name}-s{seed}" for name in ("ens", "ib")
                                   for seed in (0, 1))  # fmt: skip
    assert judged.scale == ("blood: epochs 3, seeds 2, training images 1234, classes 3",)


def test_many_more_errors_are_found_out(tmp_path: Path) -> None:
    frames = load_frames(study(tmp_path, range(100)))
    found = on_test(frames, ["ib"], "ens")["ib", "accuracy"]
    assert found.estimate == pytest.approx(-80 / N_TEST)
    # 80 more errors in 200: the deviation of a mean of differences of -1 and 0 is 0.035.
    assert found.high - found.low == pytest.approx(
        2 * 1.96 * 0.0346, rel=0.25
    )  # estimated from 50 groups
    (judged,) = judge_all([BLOOD], frames)
    assert judged.finding.verdict == "not supported"


def test_a_few_more_errors_are_undecided(tmp_path: Path) -> None:
    frames = load_frames(study(tmp_path, range(22)))  # one point more: the margin
    (judged,) = judge_all([BLOOD], frames)
    assert judged.finding.verdict == "undecided"


def test_a_dataset_without_runs_has_no_scale(tmp_path: Path) -> None:
    frames = load_frames(study(tmp_path, SOME_WRONG))
    assert scale_of(frames, "retina") == ""
    record = json.loads((tmp_path / "runs/blood-sae-ens-s0/record.json").read_text())
    assert record["dataset"]["sizes"]["train"] == 1234
