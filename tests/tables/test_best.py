"""The best configuration of each method and metric: chosen on validation, shown with intervals."""

import math
from collections.abc import Callable

import pandas as pd
import pytest

from bench.records.frames import Frames
from bench.tables import best
from bench.tables.best import best_by_metric, best_with_intervals, tables
from tables.hand_made import METRICS, frames, rows


def study() -> Frames:
    """Two methods; "a" is better than "b" in accuracy, "b" in ECE, on validation."""
    return frames(
        rows(
            "a", "MIMO", flops=2000, val={"accuracy": 0.9, "ece": 0.2},
            test={"accuracy": 0.7}, ood={"accuracy": 0.6},
        ),
        rows(
            "b", "MIMO", flops=1500, val={"accuracy": 0.8, "ece": 0.05},
            test={"accuracy": 0.95, "ece": 0.3}, ood={"ece": 0.4},
        ),
        rows("c", "EE", val={}, test={"accuracy": 0.8}, ood={}),
        # The best of all, had its other seed not failed.
        rows("d", "MIMO", flops=1, seeds=(0,), val={"accuracy": 1.0, "ece": 0.0}, test={}, ood={}),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of +- 0.01 around the mean of what is in the frames."""

    def measurements(found: Frames) -> Callable[..., float]:
        of = found.runs.groupby(["dataset", "config_id", "split"]).mean(numeric_only=True)
        return lambda *place: float(of[place[3]].to_dict().get(place[:3], math.nan))

    def columns(mean: float, _task: str, _key: str) -> dict[str, float]:
        return {"estimate": mean, "low": mean - 0.01, "high": mean + 0.01}

    monkeypatch.setattr(best, "Measurements", measurements)
    monkeypatch.setattr(best, "columns", columns)


def choices(runs: pd.DataFrame) -> dict[tuple[str, str], str]:
    table = best_by_metric(runs)
    return {(row["metric"], row["category"]): row["config_id"] for row in table.to_dict("records")}


def test_each_metric_chooses_for_itself_and_ties_go_to_fewer_flops() -> None:
    found = choices(study().runs)
    assert found["accuracy", "MIMO"] == "a"
    assert found["ece", "MIMO"] == "b"
    assert found["f1", "MIMO"] == "b"  # equal, and cheaper
    assert {found[metric, "EE"] for metric in METRICS["classification"]} == {"c"}
    assert list(dict.fromkeys(best_by_metric(study().runs)["metric"])) == list(
        METRICS["classification"]
    )


def test_test_and_shifted_values_never_choose() -> None:
    runs = study().runs
    runs.loc[runs["split"] != "val", list(METRICS["classification"])] = float("nan")
    assert choices(runs) == choices(study().runs)


def test_a_missing_value_is_never_the_best() -> None:
    runs = study().runs
    runs.loc[(runs["run_id"] == "toy-a-s1") & (runs["split"] == "val"), "accuracy"] = float("nan")
    assert choices(runs)["accuracy", "MIMO"] == "b"


def test_the_numbers_by_hand() -> None:
    table = best_with_intervals(study(), study().runs)
    row = table[(table["metric"] == "accuracy") & (table["category"] == "MIMO")].iloc[0]
    assert (row["config_id"], row["flops"], row["params"]) == ("a", 2000, 50)
    assert (row["n_seeds"], row["expected_seeds"]) == (2, 2)
    assert (row["val"], row["test"], row["ood"]) == pytest.approx((0.9, 0.7, 0.6))
    assert (row["test_low"], row["test_high"]) == pytest.approx((0.69, 0.71))


def test_the_cells_by_hand() -> None:
    (table,) = tables(study())
    assert table.stem == "best_toy"
    cells = table.cells[table.cells["Metric"].isin(["Accuracy", "ECE"])].to_dict("records")
    assert [list(row.values()) for row in cells] == [
        ["Accuracy", "higher", "EE", "label of c", "2", "0.500", "0.800 [0.790, 0.810] *",
         "0.500 [0.490, 0.510]", "100", "50"],
        ["Accuracy", "higher", "MIMO", "label of a", "2", "0.900", "0.700 [0.690, 0.710]",
         "0.600 [0.590, 0.610] *", "2k", "50"],
        ["ECE", "lower", "EE", "label of c", "2", "0.100", "0.100 [0.090, 0.110] *",
         "0.100 [0.090, 0.110] *", "100", "50"],
        ["ECE", "lower", "MIMO", "label of b", "2", "0.050", "0.300 [0.290, 0.310]",
         "0.400 [0.390, 0.410]", "1.5k", "50"],
    ]  # fmt: skip


def test_a_dataset_without_test_results_has_no_table() -> None:
    searched = frames(rows("a", "MIMO", dataset="only_val", val={}))
    assert list(tables(searched)) == []


def test_without_corruptions_the_column_is_empty() -> None:
    (table,) = tables(frames(rows("a", "MIMO", val={}, test={})))
    assert set(table.cells["OOD"]) == {"-"}
    assert table.numbers["ood"].isna().all()
