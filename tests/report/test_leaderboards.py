"""Leaderboards against the statistics they show."""

import math

import pandas as pd
import pytest

from bench.records.selection import chosen_by_category
from bench.report.leaderboards import Board, _gaps, _values, leaderboards, views
from bench.report.study import Study

TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def boards(study: Study) -> dict[tuple[str, str], Board]:
    return {(board.split, board.view): board for board in leaderboards(study, "retina")}


def test_there_is_a_board_for_each_split_and_view(boards: dict[tuple[str, str], Board]) -> None:
    names = ("values", "Standard NN", "NN Ensemble")
    assert set(boards) == {(split, view) for split in ("test", "ood") for view in names}
    assert views(list(boards.values())) == list(names)


def test_rows_are_the_configurations_that_validation_chose(
    boards: dict[tuple[str, str], Board], study: Study
) -> None:
    chosen = chosen_by_category(study.runs("retina"))
    rows = boards["test", "values"].table.rows
    assert [(row.category, row.config_id) for row in rows] == list(chosen.itertuples(index=False))


def test_values_are_means_over_seeds_within_their_interval(
    boards: dict[tuple[str, str], Board], study: Study
) -> None:
    test = study.runs("retina").query("split == 'test'")
    for row in boards["test", "values"].table.rows:
        mine = test[test["config_id"] == row.config_id]
        assert row.seeds == f"{len(mine)} of 2"
        for metric, cell in zip(("mse", "mae", "nll", "coverage_error"), row.cells, strict=False):
            assert cell.value == pytest.approx(mine[metric].mean())
            low, high = map(float, cell.below.strip("[]").split(", "))
            assert low - 1e-3 <= float(cell.text) <= high + 1e-3


def test_a_reference_is_not_compared_with_itself(boards: dict[tuple[str, str], Board]) -> None:
    for reference in ("Standard NN", "NN Ensemble"):
        rows = boards["test", reference].table.rows
        assert reference not in {row.category for row in rows}
        assert len(rows) == 4


def test_costs_are_relative_to_the_standard_network(
    boards: dict[tuple[str, str], Board],
) -> None:
    by_category = {row.category: row for row in boards["test", "values"].table.rows}
    flops = [by_category[name].cells[-2] for name in ("Standard NN", "NN Ensemble")]
    assert [cell.below for cell in flops] == [f"1.00{TIMES}", f"1.12{TIMES}"]  # 2,250 / 2,000
    assert [cell.text for cell in flops] == ["2k", "2.25k"]


def numbers(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(["a", "b", "c"], name="config_id"))


def test_equal_numbers_as_printed_are_equally_best() -> None:
    rows = numbers(estimate=[0.9004, 0.8996, 0.7], low=[0.8] * 3, high=[1.0] * 3)
    cells = _values("classification", "accuracy", rows)
    assert [cells[name].best for name in "abc"] == [True, True, False]
    assert [_values("classification", "ece", rows)[name].best for name in "abc"] == [
        False,
        False,
        True,
    ]


def test_an_unknown_value_is_never_best_and_has_no_interval() -> None:
    nan = math.nan
    cells = _values("classification", "nll", numbers(estimate=[nan, 1.0, 2.0], low=[nan] * 3,
                                                     high=[nan] * 3))  # fmt: skip
    assert (cells["a"].best, cells["b"].best) == (False, True)
    assert cells["a"].order == cells["a"].below == cells["b"].below == ""


@pytest.mark.parametrize(("metric", "words"), [("accuracy", ["better", "worse", ""]),
                                               ("ece", ["worse", "better", ""])])  # fmt: skip
def test_a_word_marks_what_stands_after_holms_correction(metric: str, words: list[str]) -> None:
    rows = numbers(
        estimate=[0.1, -0.1, 0.1], low=[0.05, -0.2, -0.1], high=[0.2, -0.05, 0.3],
        p=[0.01, 0.01, 0.03], p_holm=[0.03, 0.03, 0.06],
    )  # fmt: skip
    cells = _gaps("classification", metric, rows)
    assert [cells[name].mark for name in "abc"] == words
    assert [cells[name].text for name in "abc"] == ["+0.100", "-0.100", "+0.100"]
    assert "0.03, after Holm's correction 0.06" in cells["c"].hint
