"""What an interval says about a bound, and how parts add up."""

import itertools
import math
from typing import get_args

import pytest

from bench.claims.verdict import Verdict, all_of, any_of, bounded, counted, finding
from bench.statistics.crossed import Component, Estimate

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def of(value: float, half: float, n_seeds: int = 4) -> Estimate:
    """An estimate whose 95% interval has this half width (normal: very many examples)."""
    component = Component(variance=(half / 1.959964) ** 2, df=10**9)
    return Estimate(value=value, components=(component,), n_seeds=n_seeds)


@pytest.mark.parametrize(
    ("value", "half", "bound", "expected"),
    [
        (-0.01, 0.015, -0.03, "supported"),
        (-0.02, 0.02, -0.03, "undecided"),
        (-0.05, 0.01, -0.03, "not supported"),
        (0.0, 0.0, 0.0, "not supported"),  # above 0, not at it
        (0.01, 0.0, 0.0, "supported"),
        (math.nan, 0.1, 0.0, "no data"),
    ],
)
def test_an_interval_against_a_bound(
    value: float, half: float, bound: float, expected: Verdict
) -> None:
    part = bounded("x", of(value, half), bound)
    assert part.verdict == expected
    assert part.rule == (">= -0.03" if bound else "> 0")


def test_two_seeds_decide_nothing() -> None:
    part = bounded("x", of(1.0, 0.1, n_seeds=2), 0.0)
    assert (part.verdict, part.note) == ("undecided", "2 seeds: a verdict takes 3")


def test_an_undecided_part_tells_what_could_have_been_detected() -> None:
    part = bounded("x", of(0.0, 0.196), 0.0)
    assert part.detectable == pytest.approx(0.196 + 0.1, rel=1e-4)


def test_a_stricter_level_widens_the_interval() -> None:
    assert bounded("x", of(0.011, 0.01), 0.0).verdict == "supported"
    assert bounded("x", of(0.011, 0.01), 0.0, level=0.99).verdict == "undecided"


def test_an_exact_number_is_never_undecided() -> None:
    assert counted("cost", 2.0, True, ">= 1.5x").verdict == "supported"
    assert counted("cost", 1.0, False, ">= 1.5x").verdict == "not supported"


@pytest.mark.parametrize("found", list(itertools.product(VERDICTS, repeat=2)))
def test_all_and_any_are_mirror_images(found: tuple[Verdict, Verdict]) -> None:
    mirror = {"supported": "not supported", "not supported": "supported"}
    turned = [mirror.get(one, one) for one in found]
    assert mirror.get(any_of(found), any_of(found)) == all_of(turned)  # type: ignore[arg-type]


def test_one_part_that_fails_decides_and_a_missing_one_leaves_it_open() -> None:
    assert all_of(["supported", "not supported", "no data"]) == "not supported"
    assert all_of(["supported", "no data"]) == "undecided"
    assert all_of(["no data", "no data"]) == all_of([]) == "no data"
    assert any_of(["undecided", "supported"]) == "supported"
    holds = counted("cost", 2.0, True, ">= 1x")
    assert finding([holds], "a", ["b", "a", "b"]).config_ids == ("b", "a")
