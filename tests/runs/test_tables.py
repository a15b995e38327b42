"""The summary against a frame of round numbers."""

from typing import Any

import pandas as pd
import pytest

from bench.errors import UserError
from bench.records.selection import checked, chosen_by_category, metric_of
from bench.tables.summary import legend, summary_markdown, summary_table

# (category, config_id, flops, params): {seed: (val nll, test accuracy)}
STUDY: dict[tuple[str, str, int, int], dict[int, tuple[float, float]]] = {
    ("Standard NN", "small", 1000, 500): {0: (0.8, 0.70), 1: (0.6, 0.80)},  # mean NLL 0.7
    ("Standard NN", "large", 2000, 900): {0: (0.5, 0.90), 1: (0.7, 0.80)},  # mean NLL 0.6
    ("NN Ensemble", "two", 4000, 1800): {0: (0.4, 0.95), 1: (0.4, 0.85)},  # mean NLL 0.4
    ("NN Ensemble", "four", 8000, 3600): {0: (0.45, 0.99), 1: (0.45, 0.99)},
    ("SE NN", "se", 500, 450): {0: (0.9, 0.60)},
}


def study(task: str = "classification") -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (category, config_id, flops, params), seeds in STUDY.items():
        for seed, (nll, quality) in seeds.items():
            facts = {
                "run_id": f"{config_id}-s{seed}", "config_id": config_id, "dataset": "toy",
                "task": task, "category": category, "label": f"label of {config_id}",
                "seed": seed, "flops": flops, "params": params, "backbone": "fc", "depth": 4,
                "method": "standard" if category == "Standard NN" else "other",
                "width": 128 if config_id == "large" else 32,
            }  # fmt: skip
            for split, shift in (("val", 0.0), ("test", 0.0), ("ood", 0.2)):
                values = {
                    "accuracy": quality - shift, "f1": quality, "nll": nll + shift,
                    "ece": 1 - quality, "mse": 1 - quality, "mae": 1 - quality,
                    "coverage_error": nll,
                }  # fmt: skip
                rows.append({**facts, "split": split, **values})
    return pd.DataFrame(rows)


def by_method(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["Method"]: dict(row) for _, row in table.iterrows()}


def test_a_category_is_represented_by_its_lowest_validation_nll() -> None:
    chosen = chosen_by_category(study())
    assert list(chosen.itertuples(index=False, name=None)) == [
        ("SE NN", "se"), ("Standard NN", "large"), ("NN Ensemble", "two"),
    ]  # fmt: skip


def test_equal_nlls_go_to_the_cheaper_configuration() -> None:
    runs = study()
    runs.loc[runs["split"] == "val", "nll"] = 1.0
    chosen = dict(chosen_by_category(runs).itertuples(index=False, name=None))
    assert chosen == {"SE NN": "se", "Standard NN": "small", "NN Ensemble": "two"}


def test_test_numbers_never_reach_a_choice() -> None:
    runs, poisoned = study(), study()
    seen = poisoned["split"] != "val"
    poisoned.loc[seen, ["nll", "ece", "f1"]] = 0.0
    poisoned.loc[seen, "accuracy"] = 1.0 - poisoned.loc[seen, "accuracy"]
    for frame in (runs, poisoned):
        table = summary_table(frame)
        frame.attrs["choice"] = table[["Method", "Configuration", "Seeds", "Pareto"]]
        frame.attrs["shown"] = table["Accuracy"]
    pd.testing.assert_frame_equal(runs.attrs["choice"], poisoned.attrs["choice"])
    assert list(runs.attrs["shown"]) != list(poisoned.attrs["shown"])


def test_the_cells_by_hand() -> None:
    table = by_method(summary_table(study()))
    assert list(table) == ["SE NN", "Standard NN", "NN Ensemble"]
    large, two, se = table["Standard NN"], table["NN Ensemble"], table["SE NN"]
    assert large["Configuration"] == "label of large"
    assert [row["Seeds"] for row in (se, large, two)] == ["1 of 2 seeds", "2", "2"]
    # Mean and sample standard deviation of (0.9, 0.8) and (0.95, 0.85): 0.1 / sqrt(2).
    assert large["Accuracy"] == "0.850 +- 0.071"
    assert two["Accuracy"] == "0.900 +- 0.071 *"
    assert se["Accuracy"] == "0.600"  # a single seed deviates from nothing
    assert large["NLL"] == "0.600 +- 0.141"
    assert two["NLL"] == "0.400 +- 0.000 *"
    assert two["OOD Accuracy"] == "0.700 +- 0.071 *"
    assert two["OOD NLL"] == "0.600 +- 0.000 *"
    # Costs relative to the default network, of width 128 (2000 FLOPs), whichever is shown.
    assert [row["FLOPs"] for row in (se, large, two)] == ["500 (0.25x)", "2k (1.00x)", "4k (2.00x)"]
    assert [row["Parameters"] for row in (se, large, two)] == [
        "450 (0.50x)", "900 (1.00x)", "1.8k (2.00x)",
    ]  # fmt: skip


def test_the_pareto_mark_is_of_the_validation_front() -> None:
    # Nothing is cheaper than "se"; "two" is better than "large"; make "large" worse than "se".
    runs = study()
    # "se" lacks a seed: it competes for neither mark.
    assert [row["Pareto"] for row in by_method(summary_table(runs)).values()] == ["", "P", "P"]
    runs = runs[runs["seed"] == 0].copy()
    runs.loc[(runs["config_id"] == "large") & (runs["split"] == "val"), "accuracy"] = 0.1
    runs.loc[(runs["config_id"] == "large") & (runs["split"] == "val"), "ece"] = 0.9
    marks = {name: row["Pareto"] for name, row in by_method(summary_table(runs)).items()}
    assert marks == {"SE NN": "P", "Standard NN": "", "NN Ensemble": "P"}


def test_values_that_read_the_same_are_equally_best() -> None:
    runs = study()
    runs.loc[runs["config_id"] == "large", "f1"] = 0.90001
    runs.loc[runs["config_id"] == "two", "f1"] = 0.90002
    table = by_method(summary_table(runs))
    assert table["Standard NN"]["Macro F1"] == "0.900 +- 0.000 *"
    assert table["NN Ensemble"]["Macro F1"] == "0.900 +- 0.000 *"
    assert "*" not in table["SE NN"]["Macro F1"]


def test_a_metric_without_a_value_has_no_best() -> None:
    runs = study().assign(f1=float("nan"))
    assert {row["Macro F1"] for row in by_method(summary_table(runs)).values()} == {"-"}


def test_without_a_standard_nn_costs_are_absolute() -> None:
    runs = study()
    table = by_method(summary_table(runs[runs["category"] != "Standard NN"]))
    assert [row["FLOPs"] for row in table.values()] == ["500", "4k"]


@pytest.mark.parametrize(
    ("flops", "text"),
    [(999, "999"), (1000, "1k"), (12_345, "12.3k"), (999_400, "999k"), (2_500_000, "2.5M"),
     (3_210_000_000, "3.21G"), (999_600, "1M"), (999_999_999, "1G")],
)  # fmt: skip
def test_costs_are_readable(flops: int, text: str) -> None:
    runs = study()
    runs = runs[runs["config_id"] == "se"].assign(flops=flops)
    assert summary_table(runs)["FLOPs"].tolist() == [text]


def test_a_regression_has_columns_of_its_own() -> None:
    table = summary_table(study("regression"))
    assert list(table.columns) == [
        "Method", "Configuration", "Seeds", "MSE", "MAE", "NLL", "Coverage error", "OOD MSE",
        "OOD NLL", "OOD Coverage error", "FLOPs", "Parameters", "Pareto",
    ]  # fmt: skip
    rows = by_method(table)
    assert rows["NN Ensemble"]["MSE"] == "0.100 +- 0.071 *"  # here the lowest is the best
    assert "*" not in rows["SE NN"]["MSE"]


def test_the_text_has_a_table_for_each_dataset_then_legend_and_notes() -> None:
    runs = pd.concat([study(), study("regression").assign(dataset="another")])
    text = summary_markdown(runs, ["skipped x: no data", "failed y"])
    blocks = [block for block in text.split("\n\n") if not block.startswith("|")]
    assert blocks == [
        "## another (5 configurations, 9 runs)", "## toy (5 configurations, 9 runs)",
        legend("classification"),
        "skipped x: no data", "failed y\n",
    ]  # fmt: skip
    # As written: a column of text that looks like numbers is not reformatted.
    assert "| 0.900 +- 0.071 * |" in text
    assert "| 0.600 " in text


def test_without_a_single_run_there_are_only_the_notes() -> None:
    assert summary_markdown(study().iloc[:0], ["failed y"]) == "failed y\n"


def test_a_configuration_without_all_seeds_wins_nothing() -> None:
    runs = study()
    runs.loc[runs["config_id"] == "se", ["accuracy", "nll"]] = (1.0, 0.0)
    table = by_method(summary_table(runs))
    assert table["SE NN"]["Accuracy"] == "1.000"
    assert table["NN Ensemble"]["Accuracy"].endswith("*")
    # A missing value counts as a missing seed: "two" would win by its other seed alone.
    runs.loc[(runs["run_id"] == "two-s0") & (runs["split"] == "val"), "nll"] = float("nan")
    assert by_method(summary_table(runs))["NN Ensemble"]["Configuration"] == "label of four"


def test_another_metric_can_choose_and_the_legend_says_so() -> None:
    runs = study()
    assert by_method(summary_table(runs, "accuracy"))["NN Ensemble"]["Configuration"].endswith(
        "four"
    )
    assert "highest validation Accuracy" in summary_markdown(runs, [], "accuracy")
    # What a task lacks leaves the choice to the NLL.
    assert metric_of("regression", "accuracy") == "nll"
    with pytest.raises(UserError, match="--select acuracy: choose one of accuracy"):
        checked("acuracy")


def test_costs_that_differ_by_seed_are_a_range() -> None:
    runs = study()
    runs.loc[runs["run_id"] == "two-s1", "flops"] = 6000
    assert by_method(summary_table(runs))["NN Ensemble"]["FLOPs"] == "4k-6k (2.00-3.00x)"
