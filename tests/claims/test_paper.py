"""The rows of the paper: complete, and each gives every verdict where the records say so."""

from dataclasses import replace

import pytest

from bench.claims.claim import Claim
from bench.claims.paper import CLAIMS
from bench.claims.verdict import Finding
from claims.conftest import Width
from claims.hand_made import Made, frames, theta

BY_NAME = {claim.name: claim for claim in CLAIMS}
ENSEMBLE = Made(name="ens", category="NN Ensemble", flops=3200, params=1500)


def judged(name: str, *configurations: Made) -> Finding:
    claim = BY_NAME[name]
    return claim.judge(frames(claim.datasets[0], *configurations))


def test_the_rows() -> None:
    assert list(BY_NAME) == [
        "tinyimagenet-ib", "blood-ib", "pneumonia-ee", "retina-mimo",
        "settings-tinyimagenet", "settings-blood", "settings-pneumonia", "settings-retina",
        "depth-tinyimagenet", "depth-blood", "depth-pneumonia", "depth-retina",
        "savings", "savings-like-for-like",
    ]  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS, ids=list(BY_NAME))
def test_without_runs_there_is_no_data_and_the_remark_names_the_datasets(claim: Claim) -> None:
    finding = claim.judge(frames("digits", Made(name="a", category="I/B")))
    assert finding.verdict == "no data"
    assert finding.config_ids == ()
    for dataset in claim.datasets:
        assert dataset in finding.remark


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "supported"),
        ({"flops": 1001}, "not supported"),  # 3200 / 1001 < 3.2
        ({"params": 1001}, "not supported"),  # 1500 / 1001 < 1.5
        ({"test": {"accuracy": 0.479, "ece": 0.05}}, "undecided"),  # -0.021 +- 0.01
        ({"test": {"accuracy": 0.45, "ece": 0.05}}, "not supported"),
        ({"test": {"accuracy": 0.5, "ece": 0.055}}, "undecided"),  # -0.045 +- 0.01
        ({"test": {"accuracy": 0.5, "ece": 0.1}}, "not supported"),  # no improvement at all
    ],
)
def test_tinyimagenet(width: Width, change: dict[str, object], verdict: str) -> None:
    width(0.01)
    point = Made(
        name="ib", category="I/B", flops=1000, params=1000,
        test={"accuracy": 0.49, "ece": 0.04},
    )  # fmt: skip
    assert judged("tinyimagenet-ib", ENSEMBLE, replace(point, **change)).verdict == verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ({"f1": 0.5, "cc_ece": 0.2}, "supported"),  # one of the two is enough
        ({"f1": 0.4, "cc_ece": 0.1}, "supported"),
        ({"f1": 0.4, "cc_ece": 0.108}, "undecided"),
        ({"f1": 0.4, "cc_ece": 0.2}, "not supported"),
    ],
)
def test_blood(width: Width, test: dict[str, float], verdict: str) -> None:
    width(0.005)
    point = Made(name="ib", category="I/B", flops=2000, params=1650, test=test)
    finding = judged("blood-ib", ENSEMBLE, point)
    assert finding.verdict == verdict
    assert [part.estimate for part in finding.parts if part.unit] == [
        1.6, pytest.approx(1500 / 1650), 1.6, pytest.approx(1500 / 1650),
    ]  # fmt: skip


def test_blood_needs_its_costs(width: Width) -> None:
    width(0.005)
    for flops, params in ((2200, 1500), (2000, 1700)):
        point = Made(name="ib", category="I/B", flops=flops, params=params)
        assert judged("blood-ib", ENSEMBLE, point).verdict == "not supported"


def test_pneumonia(width: Width) -> None:
    width(0.01)
    batch = Made(name="batch", category="BatchEnsemble", flops=1000)
    for flops, f1, verdict in (
        (600, 0.52, "supported"),
        (601, 0.52, "not supported"),
        (600, 0.505, "undecided"),
        (600, 0.45, "not supported"),
    ):
        point = Made(name="ee", category="EE", flops=flops, test={"f1": f1})
        assert judged("pneumonia-ee", batch, point).verdict == verdict


def test_retina(width: Width) -> None:
    width(0.01)
    for flops, nll, verdict in (
        (3199, 0.53, "supported"),
        (3200, 0.53, "not supported"),
        (3199, 0.545, "undecided"),
        (3199, 0.57, "not supported"),
    ):
        point = Made(name="mimo", category="MIMO", flops=flops, params=1499, test={"nll": nll})
        assert judged("retina-mimo", ENSEMBLE, point).verdict == verdict


@pytest.mark.parametrize("dataset", ["blood", "pneumonia", "retina"])
def test_depth_of_the_medmnist_problems_is_near_uniform(dataset: str) -> None:
    any_run = Made(name="a", category="MIMO")
    for share, verdict in ((0.5, "supported"), (0.9, "not supported")):
        depth = theta(dataset, {f"{i}-s0": [[1 - share, share]] for i in range(3)})
        study = frames(dataset, any_run, depth=depth)
        assert BY_NAME[f"depth-{dataset}"].judge(study).verdict == verdict


def test_depth_of_tinyimagenet_is_deep() -> None:
    any_run = Made(name="a", category="MIMO")
    for share, verdict in ((0.5, "not supported"), (0.9, "supported")):
        depth = theta("tinyimagenet", {f"{i}-s0": [[1 - share, share]] for i in range(3)})
        study = frames("tinyimagenet", any_run, depth=depth)
        assert BY_NAME["depth-tinyimagenet"].judge(study).verdict == verdict


def test_settings_judge_their_own_dataset(width: Width) -> None:
    width(0.01)
    sae = Made(name="a", category="MIMO", n_inputs=2)
    for name in ("tinyimagenet", "blood", "pneumonia", "retina"):
        assert judged(f"settings-{name}", sae).verdict == "not supported"
