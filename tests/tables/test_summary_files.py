"""The summary of a comparison as a table among others."""

import pytest

from bench.tables.summary import legend, summary_numbers, summary_table, tables
from tables.hand_made import frames, rows


def test_missing_seeds_are_said_in_the_cells_and_counted_in_the_numbers() -> None:
    study = frames(
        rows("a", "EE", val={}, test={}, ood={}, seeds=(0, 1, 2)),
        rows("b", "MIMO", val={}, test={}, ood={}, seeds=(0,)),
        rows("x", "EE", dataset="searched", val={}),
    )
    (table,) = tables(study)
    assert table.stem == "summary_toy"
    assert table.cells["Seeds"].tolist() == ["3", "1 of 3 seeds"]
    assert table.numbers["n_seeds"].tolist() == [3, 1]
    assert table.notes == (legend("classification"),)


def test_the_numbers_are_those_of_the_text() -> None:
    runs = frames(
        rows("a", "EE", flops=1234, val={}, test={"accuracy": 0.75}, ood={"nll": 2.5}),
        rows("b", "EE", flops=9, val={"nll": 7.0, "accuracy": 0.1}, test={}, ood={}),
    ).runs
    runs.loc[(runs["run_id"] == "toy-a-s1") & (runs["split"] == "test"), "accuracy"] = 0.85
    (row,) = summary_numbers(runs).to_dict("records")
    assert (row["category"], row["config_id"], row["label"]) == ("EE", "a", "label of a")
    assert row["test_accuracy"] == pytest.approx(0.8)
    assert row["test_accuracy_std"] == pytest.approx(0.1 / 2**0.5)
    assert (row["ood_nll"], row["flops"], row["params"], row["pareto"]) == (2.5, 1234, 50, True)
    assert summary_table(runs)["Accuracy"].tolist() == ["0.800 +- 0.071 *"]
