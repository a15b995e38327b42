"""What an interval says about a bound, and how parts add up."""

import itertools
import math
from typing import get_args

import pytest

from bench.claims.verdict import Verdict, all_of, any_of, at_least, at_most, exact, no_data

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.02, 0.01, "supported"),
        (-0.03, 0.01, "supported"),  # at the bound is within it
        (-0.04, 0.01, "undecided"),
        (-0.04, -0.03, "undecided"),  # the upper end alone is within
        (-0.05, -0.04, "not supported"),
        (math.nan, math.nan, "no data"),
    ],
)
def test_an_interval_against_a_lower_bound(low: float, high: float, expected: Verdict) -> None:
    assert at_least(low, high, -0.03) == expected
    assert at_most(-high, -low, 0.03) == expected  # the mirror image


def test_an_exact_number_is_never_undecided() -> None:
    assert (exact(True), exact(False)) == ("supported", "not supported")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["supported", "supported"], "supported"),
        (["supported", "not supported"], "not supported"),
        (["undecided", "not supported"], "not supported"),
        (["no data", "not supported"], "not supported"),
        (["supported", "undecided"], "undecided"),
        (["supported", "no data"], "undecided"),  # what is missing may still refute it
        (["no data", "no data"], "no data"),
        ([], "no data"),
    ],
)
def test_all_parts_have_to_hold(parts: list[Verdict], expected: Verdict) -> None:
    assert all_of(parts) == expected


def test_one_part_has_to_hold_is_the_negation_of_all_negated() -> None:
    # De Morgan: "a or b" is "not (not a and not b)".
    negated: dict[Verdict, Verdict] = {
        "supported": "not supported", "not supported": "supported",
        "undecided": "undecided", "no data": "no data",
    }  # fmt: skip
    for size in (0, 1, 2, 3):
        for parts in itertools.product(VERDICTS, repeat=size):
            assert any_of(parts) == negated[all_of(negated[part] for part in parts)]


def test_without_data_the_remark_says_why() -> None:
    finding = no_data("no runs on blood")
    assert (finding.verdict, finding.remark, finding.parts) == ("no data", "no runs on blood", ())
