"""Mean ranks of Pareto points: by hand."""

from types import SimpleNamespace

import pandas as pd
import pytest
from scipy.stats import rankdata

from bench.records.frames import Frames
from bench.tables import ranks
from bench.tables.ranks import mean_ranks, pareto_points, point_ranks, tables
from tables.hand_made import frames, rows

METRICS = ("accuracy", "f1", "nll", "ece", "cc_ece")


def study() -> Frames:
    """EE has two Pareto points, MIMO one: its other is worse on validation in all, and dearer."""
    return frames(
        rows("e1", "EE", flops=100, val={"accuracy": 0.8}, test={"accuracy": 0.7}, ood={}),
        rows("e2", "EE", flops=200, val={"accuracy": 0.9}, test={"accuracy": 0.9}, ood={}),
        rows("m1", "MIMO", flops=50, val={"accuracy": 0.85}, test={"accuracy": 0.8}, ood={}),
        rows("m2", "MIMO", flops=60, val={"accuracy": 0.6}, test={"accuracy": 1.0}, ood={}),
    )


def test_each_method_has_its_own_front_on_validation() -> None:
    # m1 beats e1 in all on validation, but is of another method; m2 is the best of all on test.
    assert pareto_points(study().runs).to_numpy().tolist() == [
        ["EE", "e1"], ["EE", "e2"], ["MIMO", "m1"],
    ]  # fmt: skip


def test_ranks_by_hand() -> None:
    table = point_ranks(study().runs)
    accuracy = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    assert dict(zip(accuracy["config_id"], accuracy["rank"], strict=True)) == {
        "e1": 3, "e2": 1, "m1": 2,
    }  # fmt: skip
    assert accuracy["scaled"].tolist() == [1.0, 0.0, 0.5]
    equal = table[(table["metric"] == "nll") & (table["split"] == "ood")]
    assert equal["rank"].tolist() == [2.0, 2.0, 2.0]
    assert equal["scaled"].tolist() == [0.5] * 3


def test_ranks_are_those_of_scipy_in_both_directions() -> None:
    values = [0.3, 0.1, 0.1, 0.7]
    runs = frames(
        *(
            rows(f"c{i}", "EE", flops=i, val={"nll": 9.0 - i, "accuracy": i / 10},
                 test={"ece": value, "f1": value})
            for i, value in enumerate(values)
        )
    ).runs  # fmt: skip
    table = point_ranks(runs).set_index(["split", "metric"])["rank"]
    assert table["test", "ece"].tolist() == list(rankdata(values))
    assert table["test", "f1"].tolist() == list(rankdata([-value for value in values]))


def test_a_missing_value_is_last() -> None:
    runs = study().runs
    runs.loc[(runs["run_id"] == "toy-e2-s1") & (runs["split"] == "test"), "accuracy"] = float("nan")
    table = point_ranks(runs)
    accuracy = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    assert accuracy["rank"].tolist() == [2.0, 3.0, 1.0]


def test_every_point_counts_in_every_metric_of_every_dataset() -> None:
    other = frames(
        rows("x", "EE", dataset="other", val={}, test={}),
        rows("y", "MIMO", dataset="other", val={}, test={"accuracy": 0.9}),
    )
    table = pd.concat([point_ranks(study().runs), point_ranks(other.runs)])
    numbers = {
        (row["dataset"], row["split"], row["category"]): row
        for row in mean_ranks(table).to_dict("records")
    }
    # EE on toy: accuracy 3, 1; the four other metrics 2, 2 each; on other: accuracy 2, else 1.5.
    ee = numbers["all", "test", "EE"]
    assert ee["points"] == 3
    assert ee["rank"] == pytest.approx((3 + 1 + 4 * 4 + 2 + 4 * 1.5) / 15)
    assert numbers["toy", "test", "EE"]["rank"] == pytest.approx(2.0)
    assert numbers["other", "test", "MIMO"]["rank"] == pytest.approx((1 + 4 * 1.5) / 5)
    # Scaled: accuracy 1, 0 and 1; elsewhere 0.5.
    assert ee["scaled"] == pytest.approx((1 + 0 + 4 * 1.0 + 1 + 4 * 0.5) / 15)


def test_ranks_of_one_ranking_have_the_mean_they_must() -> None:
    table = point_ranks(study().runs)
    means = table.groupby(["split", "metric"])["rank"].mean()
    assert means.tolist() == [2.0] * 2 * len(METRICS)  # (3 + 1) / 2


@pytest.fixture
def friedman(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    test = SimpleNamespace(message="", n_blocks=5, statistic=3.14159, p=0.0123)
    monkeypatch.setattr(ranks, "blocks", lambda _: pd.DataFrame())
    monkeypatch.setattr(ranks, "rank_test", lambda _: test)
    return test


def test_the_cells_by_hand(friedman: SimpleNamespace) -> None:
    (table,) = tables(study())
    assert table.cells.to_dict("records") == [
        {
            "Method": "EE", "Points": "2", "ID rank": "2.0 +- 0.5", "ID scaled": "0.50 +- 0.24",
            "OOD rank": "2.0 +- 0.0", "OOD scaled": "0.50 +- 0.00",
        },
        {
            "Method": "MIMO", "Points": "1", "ID rank": "2.0 +- 0.0", "ID scaled": "0.50 +- 0.00",
            "OOD rank": "2.0 +- 0.0", "OOD scaled": "0.50 +- 0.00",
        },
    ]  # fmt: skip
    assert "over 5 pairs of dataset and metric: chi-square 3.14, p = 0.012." in table.notes[1]


def test_too_few_blocks_are_said(friedman: SimpleNamespace) -> None:
    friedman.message = "two blocks are too few"
    (table,) = tables(study())
    assert table.notes[1] == "No test of ranks: two blocks are too few."


def test_each_dataset_has_a_column(friedman: SimpleNamespace) -> None:
    other = rows("x", "EE", dataset="other", val={}, test={})
    both = frames(study().runs.to_dict("records"), other)  # type: ignore[arg-type]
    (table,) = tables(both)
    assert table.cells["ID rank, other"].tolist() == ["1.0 +- 0.0", "-"]


def test_a_search_alone_has_no_ranks(friedman: SimpleNamespace) -> None:
    assert list(tables(frames(rows("a", "EE", val={})))) == []
