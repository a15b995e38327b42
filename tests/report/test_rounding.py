"""Numbers of the page, by hand."""

import json
import math

import numpy as np
import pytest

from bench.report.rounding import compact, decimals, duration


def test_numbers_keep_four_digits_and_their_place() -> None:
    table = {"a": [0.123456, 123456.0, 2.0], "b": np.array([[1e-7 / 3]]), "n": (np.int64(3), True)}
    assert compact(table) == {"a": [0.1235, 123500, 2], "b": [[3.333e-08]], "n": [3, True]}


def test_what_is_not_finite_is_null_in_json() -> None:
    values = compact([math.nan, math.inf, np.float64("nan"), None, "nan"])
    assert json.dumps(values, allow_nan=False) == '[null, null, null, null, "nan"]'


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.87, 0.1], 3), ([0.043, 0.002], 4), ([12.0, 0.5], 3), ([math.nan], 3), ([0.0], 3), ([], 3)],
)
def test_three_digits_of_the_largest_are_shown(values: list[float], expected: int) -> None:
    assert decimals(values) == expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.52, "7.5 s"), (60.0, "1.0 min"), (5400.0, "1.5 h")]
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
