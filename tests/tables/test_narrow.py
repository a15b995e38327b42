"""Tables that fit a terminal: which columns go, and that cells stay whole."""

import pandas as pd
import pytest

from bench.formatting.rendering import grid
from bench.tables.narrow import fitted

TABLE = grid(
    pd.DataFrame(
        {
            "Method": ["SAE", "a|b"],
            "Accuracy": ["0.9 +- 0.1", "0.8"],
            "ECE": ["0.1", "0.2"],
            "Pareto": ["P", ""],
        }
    )
)
TEXT = f"## digits\n\n{TABLE}\n\nThe legend is longer than any narrow line could be.\n"


@pytest.mark.parametrize("width", [None, 100, 52])
def test_a_table_that_fits_stays_as_it_is(width: int | None) -> None:
    assert fitted(TEXT, width) == TEXT


def test_the_least_missed_columns_go_first_and_the_rest_is_whole() -> None:
    found = fitted(TEXT, 34).splitlines()
    assert found[2:7] == [
        "| Method | Accuracy   | ECE |",
        "|:-------|:-----------|:----|",
        "| SAE    | 0.9 +- 0.1 | 0.1 |",
        "| a\\|b   | 0.8        | 0.2 |",
        "(3 of 4 columns fit this terminal; --wide prints all)",
    ]
    assert found[-2:] == ["The legend is longer than any", "narrow line could be."]
    assert max(map(len, found[:6])) <= 34


def test_what_names_a_row_and_its_first_score_stay() -> None:
    assert "| Method | Accuracy   |" in fitted(TEXT, 10)
