"""Diagnostics of selection: hand-made studies in which validation is right, wrong or silent."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from narrowed import number

from bench.metrics.table import keys_for
from bench.records.frames import Frames
from bench.statistics.competing import competing
from bench.statistics.selection import selection_quality, warnings_of

COLUMNS = ["dataset", "task", "config_id", "category", "label", "seed", "split", "flops"]


def frames(val: list[float], test: list[float], *, seeds: int = 2) -> Frames:
    """Accuracy of each configuration; all other metrics are its complement or constant."""
    rows = []
    for i, pair in enumerate(zip(val, test, strict=True)):
        for seed in range(seeds):
            for split, value in zip(("val", "test"), pair, strict=True):
                values = dict.fromkeys(keys_for("classification"), 0.5)
                values |= {"accuracy": value, "nll": 1 - value}
                rows.append(
                    {
                        "dataset": "d", "task": "classification", "config_id": f"c{i}",
                        "category": "MIMO", "label": f"W={i}", "seed": seed, "split": split,
                        "flops": 1.0, **values,
                    }
                )  # fmt: skip
    runs = pd.DataFrame(rows)
    return Frames(runs=runs, depth=pd.DataFrame(), failures=pd.DataFrame())


def test_validation_that_selects() -> None:
    study = frames([0.5, 0.6, 0.7, 0.8, 0.9], [0.4, 0.5, 0.6, 0.8, 0.7])
    row = selection_quality(study).set_index("metric").loc["accuracy"]
    assert row["rho"] == pytest.approx(0.9)
    assert (row["config_id"], row["n"], row["rank"]) == ("c4", 5, 2)
    assert (row["chosen"], row["best"], row["median"]) == (0.7, 0.8, 0.6)
    assert row["regret"] == pytest.approx(0.1)
    assert row["regret_to_median"] == pytest.approx(-0.1)
    nll = selection_quality(study).set_index("metric").loc["nll"]
    assert (nll["rho"], nll["config_id"], nll["rank"]) == (pytest.approx(0.9), "c4", 2)
    assert nll["chosen"] == pytest.approx(0.3)
    assert nll["regret"] == pytest.approx(0.1)
    assert warnings_of(study) == {}


def test_validation_that_misleads_is_warned_of() -> None:
    study = frames([0.5, 0.6, 0.7, 0.8, 0.9], [0.9, 0.8, 0.7, 0.6, 0.5])
    row = selection_quality(study).set_index("metric").loc["nll"]
    assert (row["rho"], row["rank"]) == (pytest.approx(-1), 5)
    text = warnings_of(study)["d"]
    assert "rank correlation of NLL on validation and on test is -1.00" in text
    assert "number 5 on test" in text


def test_what_is_constant_or_too_few_has_no_correlation() -> None:
    assert math.isnan(selection_quality(frames([0.5, 0.6], [0.5, 0.6]))["rho"].iloc[0])
    study = frames([0.5, 0.6, 0.7, 0.8, 0.9], [0.5] * 5)
    assert math.isnan(number(selection_quality(study).set_index("metric").loc["accuracy", "rho"]))
    assert warnings_of(study) == {}


def test_only_whole_configurations_compete() -> None:
    study = frames([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], seeds=3)
    runs = study.runs
    lost = runs[~((runs["config_id"] == "c1") & (runs["seed"] == 2))]
    untested = lost[
        ~((lost["config_id"] == "c0") & (lost["seed"] == 1) & (lost["split"] == "test"))
    ]
    assert list(competing(untested, ["nll"]).index) == ["c2"]
    broken = runs.copy()
    broken.loc[(broken["config_id"] == "c2") & (broken["seed"] == 0), "nll"] = math.nan
    assert competing(broken, ["nll"])["nll"].isna().to_dict() == {
        "c0": False, "c1": False, "c2": True,
    }  # fmt: skip
