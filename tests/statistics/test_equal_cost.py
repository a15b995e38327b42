"""Answers at equal cost on small made-up studies whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_predictions import rounded
from scipy.special import log_softmax
from stored_study import save

from bench.metrics.predictive import Predictive
from bench.records.frames import Frames, load_frames
from bench.statistics.budget import among_best, equal_cost, references
from bench.statistics.cost_to_match import cost_to_match, validation_front
from bench.statistics.ensemble_equivalent import ensemble_equivalents, equivalent
from bench.statistics.measured import Measured, Measurements
from bench.statistics.reference import DEFAULTS, reference
from methods.backbones.fc import FCSettings
from methods.backbones.resnet import ResNetSettings
from methods.backbones.vgg import VGGSettings
from methods.backbones.vit import ViTSettings

N = 200


def predictive(share: float, seed: int, sharpness: float = 1.4) -> Predictive:
    """Right on about this share of the images, on the same easy ones first."""
    y_B = np.arange(N) % 3
    rng = np.random.default_rng(seed)
    right_B = np.arange(N) * 7 % N < share * N + rng.integers(-2, 3)
    said_B = np.where(right_B, y_B, (y_B + 1) % 3)
    mixed_BC = log_softmax(sharpness * (said_B[:, None] == np.arange(3)), axis=1)
    return rounded("classification", mixed_BC, mixed_BC[:, None], np.ones(1), y_B)


# config_id: (category, method, members, width, flops, share right on val, and on test)
STUDY = {
    "small": ("Standard NN", "standard", None, 64, 50, 0.6, 0.6),
    "base": ("Standard NN", "standard", None, 128, 100, 0.7, 0.7),
    "two": ("NN Ensemble", "ensemble", 2, 128, 200, 0.8, 0.8),
    "four": ("NN Ensemble", "ensemble", 4, 128, 400, 0.9, 0.9),
    "cheap": ("MIMO", "sae", None, 128, 100, 0.895, 0.895),
    "flatters": ("MIMO", "sae", None, 128, 150, 0.897, 0.4),
    "dear": ("MIMO", "sae", None, 128, 900, 0.91, 0.9),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Four seeds each; "lost", the best of all, has three."""
    root = tmp_path_factory.mktemp("equal_cost")
    for config_id, (category, method, members, width, flops, on_val, on_test) in STUDY.items():
        for seed in range(4):
            test = predictive(on_test, seed)
            save(
                root, {"val": predictive(on_val, seed), "test": test, "noise/1": test},
                category=category, config_id=config_id, seed=seed, flops=flops, method=method,
                settings={"n_members": members} if members else {}, width=width,
            )  # fmt: skip
    for seed in range(3):
        best = predictive(0.99, seed)
        save(
            root, {"val": best, "test": best, "noise/1": best}, category="EE", config_id="lost",
            seed=seed, flops=60, method="sae", settings={}, width=128,
        )  # fmt: skip
    return load_frames(root)


def test_the_reference_is_the_default_network_whichever_wins(study: Frames) -> None:
    found = references(study)["digits"]
    assert (found.config_id, found.is_default) == ("base", True)
    assert (found.costs["flops"], found.costs["params"]) == (100, 50)
    rest = study.runs[study.runs["config_id"] != "base"]
    near = reference(rest, ["flops"])
    assert near is not None
    assert (near.config_id, near.is_default) == ("small", False)
    assert "nearest" in near.text
    assert reference(rest[rest["method"] == "sae"], ["flops"]) is None


def test_the_defaults_are_those_of_the_backbones() -> None:
    for name, settings in (
        ("fc", FCSettings()), ("vgg", VGGSettings()), ("resnet", ResNetSettings()),
        ("vit", ViTSettings()),
    ):  # fmt: skip
        assert DEFAULTS[name] == (settings.width, settings.depth)


def test_each_method_chooses_within_the_budget_on_validation(study: Frames) -> None:
    table = equal_cost(study, metrics=["accuracy"])
    flops = table[table["cost"] == "flops"].set_index(["multiple", "category"])
    chosen = flops["config_id"].to_dict()
    assert chosen == {
        (0.5, "Standard NN"): "small",
        (1.0, "Standard NN"): "base", (1.0, "MIMO"): "cheap",
        (2.0, "Standard NN"): "base", (2.0, "MIMO"): "flatters", (2.0, "NN Ensemble"): "two",
        (4.0, "Standard NN"): "base", (4.0, "MIMO"): "flatters", (4.0, "NN Ensemble"): "four",
        (8.0, "Standard NN"): "base", (8.0, "MIMO"): "flatters", (8.0, "NN Ensemble"): "four",
    }  # fmt: skip
    row = flops.to_dict("index")[1.0, "MIMO"]
    assert (row["budget"], row["cost_low"], row["cost_high"], row["n_seeds"]) == (100, 100, 100, 4)
    values = study.runs[study.runs["config_id"] == "cheap"].groupby("split")["accuracy"].mean()
    splits = ("val", "test", "ood")
    assert [row[split] for split in splits] == pytest.approx([values[split] for split in splits])
    assert row["test_low"] < row["test"] < row["test_high"]
    marked = flops["among_best"].to_dict()
    assert marked[1.0, "MIMO"]
    assert not marked[1.0, "Standard NN"]
    assert not marked[2.0, "MIMO"]  # the best on validation, worst on test
    assert marked[2.0, "NN Ensemble"]


def test_what_lost_a_seed_does_not_compete(study: Frames) -> None:
    assert "lost" not in set(equal_cost(study)["config_id"])
    assert "lost" not in set(cost_to_match(study)["config_id"])


def test_another_metric_may_choose(study: Frames) -> None:
    by_accuracy = equal_cost(study, metrics=["ece"], select="accuracy")
    accuracy = equal_cost(study, metrics=["accuracy"])
    keys = ["cost", "multiple", "category", "config_id"]
    assert by_accuracy[keys].equals(accuracy[keys])
    # All are 67% sure: the least accurate ones are the best calibrated.
    by_itself = equal_cost(study, metrics=["ece"])
    assert set(by_itself.loc[by_itself["category"] == "MIMO", "config_id"]) == {"cheap"}


def test_two_seeds_tell_nothing_apart(study: Frames) -> None:
    measurements = Measurements(study, seeds=[0, 1])
    ids = ["small", "four"]
    assert among_best(measurements, "digits", "classification", "accuracy", ids) == set(ids)
    measurements = Measurements(study)
    assert among_best(measurements, "digits", "classification", "accuracy", ids) == {"four"}


def test_the_least_cost_that_matches_the_ensemble_of_four(study: Frames) -> None:
    table = cost_to_match(study, metrics=["accuracy"])
    flops = table[table["cost"] == "flops"].set_index("category")
    assert set(flops["reference_id"]) == {"four"}
    assert set(flops["margin"]) == {0.01}
    # Down the front: "dear" matches, "flatters" is far worse on test and ends the search there.
    found = flops.to_dict("index")
    assert (found["MIMO"]["config_id"], found["MIMO"]["n_tried"]) == ("dear", 2)
    assert found["MIMO"]["saving"] == pytest.approx(400 / 900)
    assert (found["NN Ensemble"]["config_id"], found["NN Ensemble"]["saving"]) == ("four", 1)
    assert found["Standard NN"]["config_id"] == ""
    assert math.isnan(found["Standard NN"]["saving"])
    assert found["Standard NN"]["high"] < -0.1
    with pytest.raises(ValueError, match="metric is 'auroc'; choose from accuracy"):
        cost_to_match(study, metrics=["auroc"])


def test_the_front_leaves_out_what_a_cheaper_one_beats() -> None:
    import pandas as pd

    rows = pd.DataFrame(
        {"flops_high": [1, 2, 3, 3], "nll": [0.5, 0.6, 0.4, math.nan]}, index=list("abcd")
    ).rename_axis("config_id")
    assert list(validation_front(rows, "classification", "nll", "flops")["config_id"]) == ["c", "a"]


def flat(value: float) -> Measured:
    rng = np.random.default_rng(0)
    influence_SG = rng.normal(0, 0.01, size=(4, 50))
    return Measured(
        seeds=(0, 1, 2, 3),
        values_S=value + np.array([-0.01, 0.01, 0.0, 0.0]),
        influence_SG=influence_SG - influence_SG.mean(axis=1, keepdims=True),
    )


def test_the_equivalent_number_of_networks_is_interpolated() -> None:
    curve = {1: flat(0.6), 2: flat(0.5), 4: flat(0.45)}
    found = equivalent(flat(0.475), curve)
    assert found["equivalent"] == pytest.approx(3)
    # Ours and the curve move together seed by seed: at that number the difference is certain.
    assert found["low"] == pytest.approx(3, abs=0.05)
    assert found["high"] == pytest.approx(3, abs=0.05)
    assert equivalent(flat(0.7), curve) == {"equivalent": 0, "low": 0, "high": 0}
    assert equivalent(flat(0.4), curve) == dict.fromkeys(("equivalent", "low", "high"), math.inf)
    rng = np.random.default_rng(1)
    noisy = Measured(
        seeds=(0, 1, 2, 3), values_S=0.475 + rng.normal(0, 0.02, 4),
        influence_SG=np.zeros((4, 50)),
    )  # fmt: skip
    wide = equivalent(noisy, curve)
    assert wide["low"] < wide["equivalent"] < wide["high"]


def test_a_study_says_how_many_networks_a_method_is_worth(study: Frames) -> None:
    table = ensemble_equivalents(study, select="accuracy").set_index("category")
    columns = ["config_id", "equivalent", "most"]
    assert table.loc[["NN Ensemble"], columns].to_numpy().tolist() == [["four", 4, 4]]
    assert table.loc[["Standard NN"], columns[:2]].to_numpy().tolist() == [["base", 1]]
    assert set(table["family"]) == {"W=128 D=4"}
