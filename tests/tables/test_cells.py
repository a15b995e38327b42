"""How numbers read."""

import math

import pytest

from bench.formatting import cells

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (NAN, "-"), (12.0, "12.000")]
)
def test_a_number(value: float, text: str) -> None:
    assert cells.number(value) == text


def test_an_interval_and_what_has_none() -> None:
    assert cells.interval(0.5, 0.4, 0.61234) == "0.500 [0.400, 0.612]"
    assert cells.interval(0.5, NAN, NAN) == "0.500"
    assert cells.interval(NAN, NAN, NAN) == "-"
    assert cells.interval(-0.5, -0.625, -0.25, digits=2) == "-0.50 [-0.62, -0.25]"


def test_a_spread() -> None:
    assert (cells.spread(2.25, 0.5), cells.spread(2.0, NAN)) == ("2.2 +- 0.5", "2.0")


@pytest.mark.parametrize(
    ("value", "text"),
    [(999, "999"), (1000, "1k"), (12_345, "12.3k"), (999_600, "1M"), (3.21e9, "3.21G"), (NAN, "-")],
)
def test_a_cost(value: float, text: str) -> None:
    assert cells.cost(value) == text


def test_missing_seeds_are_said() -> None:
    assert (cells.seeds(4, 4), cells.seeds(3, 4)) == ("4", "3 of 4 seeds")


def test_the_best_as_printed_has_a_star() -> None:
    values = [0.1001, 0.1004, 0.3, NAN]
    texts = ["0.100 [0.0, 0.2]", "0.100", "0.300", "-"]
    assert cells.starred(texts, values, "lower", [True] * 4) == [
        "0.100 [0.0, 0.2] *", "0.100 *", "0.300", "-",
    ]  # fmt: skip
    assert cells.starred(texts, values, "higher", [True] * 4)[2] == "0.300 *"
    assert cells.starred(texts, values, "higher", [True, True, False, True])[1] == "0.100 *"
    assert cells.starred(["-"], [NAN], "lower", [True]) == ["-"]
