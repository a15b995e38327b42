"""Which run is exported: by id or the best on the validation front; test never counts."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_records import failed

from bench.deploy.export.choosing import Wish, best, named
from bench.errors import UserError
from bench.records.schema import FinishedRun
from bench.records.store import Store

FAILED = {"type": "RuntimeError", "message": "loss is nan", "traceback": ""}


def row(config_id: str, seed: int, nll: float, flops: float, **other: Any) -> dict[str, Any]:
    return {
        "run_id": f"{config_id}-s{seed}", "config_id": config_id, "dataset": "toy",
        "task": "classification", "method": "sae", "category": "MIMO", "seed": seed,
        "split": "val", "flops": flops, "params": flops / 10, "nll": nll, "accuracy": -nll, **other,
    }  # fmt: skip


RUNS = pd.DataFrame(
    [
        row("big", 1, 0.1, 100.0),
        row("big", 0, 0.3, 100.0),  # the mean of both seeds is 0.2
        row("small", 0, 0.4, 10.0),
        row("small", 1, 0.4, 10.0),
        row("cheapest", 0, 0.0, 1.0),  # its other seed failed
        row("lucky", 0, 0.15, 200.0, method="ensemble", category="NN Ensemble"),
        row("lucky", 1, 0.45, 200.0, method="ensemble", category="NN Ensemble"),
        row("small", 0, 0.0, 10.0, split="test"),  # would win if test counted
    ]
)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(metric="nll"), "big-s0"),  # the lowest seed, not the better one
        (Wish(metric="accuracy"), "big-s0"),
        (Wish(metric="nll", max_flops=50), "small-s0"),
        (Wish(metric="nll", max_params=9.9), "small-s0"),
        (Wish(metric="nll", method="ensemble"), "lucky-s0"),
        (Wish(metric="nll", category="NN Ensemble"), "lucky-s0"),
        (Wish(metric="nll", dataset="toy"), "big-s0"),
    ],
)
def test_the_best_by_validation_means_within_the_limits(wish: Wish, expected: str) -> None:
    assert best(RUNS, wish) == expected


def test_equal_values_go_to_fewer_flops() -> None:
    twins = pd.DataFrame([row("costly", 0, 0.2, 50.0), row("cheap", 0, 0.2, 20.0)])
    assert best(twins, Wish(metric="nll")) == "cheap-s0"


def test_a_configuration_with_an_undefined_seed_is_not_chosen() -> None:
    runs = pd.DataFrame(
        [
            row("half", 0, 0.0, 1.0),
            row("half", 1, float("nan"), 1.0),
            row("whole", 0, 0.5, 2.0),
            row("whole", 1, 0.5, 2.0),
        ]
    )
    assert best(runs, Wish(metric="nll")) == "whole-s0"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(metric="speed"), "--best speed: for classification choose one of accuracy, f1"),
        (Wish(metric="disagreement"), "choose one of accuracy"),
        (Wish(metric="nll", max_flops=5), "--max-flops 5: .* smallest has 10"),
        (Wish(metric="nll", dataset="toys"), "--dataset 'toys': .* choices: toy"),
        (Wish(metric="nll", method="mimo"), "--method 'mimo': .* choices: ensemble, sae"),
    ],
)
def test_what_there_is_not_is_refused_with_the_choices(wish: Wish, message: str) -> None:
    with pytest.raises(UserError, match=message):
        best(RUNS, wish)


def test_of_several_datasets_one_must_be_named() -> None:
    runs = pd.concat([RUNS, pd.DataFrame([row("x", 0, 0.1, 1.0, dataset="other")])])
    with pytest.raises(UserError, match="--dataset is needed: there are runs of other, toy"):
        best(runs, Wish(metric="nll"))


def test_no_runs() -> None:
    with pytest.raises(UserError, match=r"python -m bench\.compare"):
        best(RUNS[RUNS["split"] == "ood"], Wish(metric="nll"))


def test_named_gives_the_record(results: Path, records: dict[str, FinishedRun]) -> None:
    run_id = records["sae"].run_id
    assert named(Store(results), run_id) == records["sae"]


def test_a_near_id_is_suggested(results: Path, records: dict[str, FinishedRun]) -> None:
    run_id = records["sae"].run_id
    with pytest.raises(UserError, match=f"near are: {run_id}"):
        named(Store(results), run_id[:-1] + "7")


def test_a_failed_run_says_why(tmp_path: Path, records: dict[str, FinishedRun]) -> None:
    store = Store(tmp_path)
    record = store.save(failed({"error": FAILED}), {})
    with pytest.raises(UserError, match=r"failed \(RuntimeError: loss is nan\)"):
        named(store, record.run_id)


@pytest.mark.parametrize("run_id", ["../records", "", "."])
def test_what_is_no_id_is_no_run(results: Path, run_id: str) -> None:
    with pytest.raises(UserError, match="no run"):
        named(Store(results), run_id)
