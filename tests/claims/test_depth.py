"""Near uniform and deep: numbers by hand."""

import math

import pandas as pd
import pytest
from scipy import stats

from bench.claims.depth import deep, last_theta, mean_interval, near_uniform
from claims.hand_made import Made, frames, theta

ANY = Made(name="a", category="MIMO")


def study(thetas: dict[str, list[list[float]]]) -> pd.DataFrame:
    return theta("blood", thetas)


def test_the_distance_from_uniform_by_hand() -> None:
    # Largest distances: a: inputs 0.02 and 0.04 in seed 0, 0.06 and 0.06 in seed 1 -> 0.045.
    # b: a single run, 0.015.
    depth = study(
        {
            "a-s0": [[0.52, 0.48], [0.46, 0.54]],
            "a-s1": [[0.56, 0.44], [0.44, 0.56]],
            "b-s0": [[1 / 3 + 0.015, 1 / 3 - 0.005, 1 / 3 - 0.01]],
        }
    )
    (part,) = near_uniform(frames("blood", ANY, depth=depth), "blood").parts
    assert part.estimate == pytest.approx((0.045 + 0.015) / 2)
    # Two values: half the range times t(1) at 97.5%, 12.706.
    assert part.high - part.estimate == pytest.approx(0.015 * 12.7062047)


@pytest.mark.parametrize(
    ("distances", "verdict"),
    [
        ([0.01, 0.012, 0.014], "supported"),
        ([0.01, 0.05, 0.09], "undecided"),
        ([0.10, 0.11, 0.12], "not supported"),
    ],
)
def test_near_uniform_verdicts(distances: list[float], verdict: str) -> None:
    depth = study({f"{i}-s0": [[0.5 + d, 0.5 - d]] for i, d in enumerate(distances)})
    assert near_uniform(frames("blood", ANY, depth=depth), "blood").verdict == verdict


def test_opposite_preferences_do_not_cancel() -> None:
    depth = study({"a-s0": [[0.9, 0.1], [0.1, 0.9]], "b-s0": [[0.1, 0.9]]})
    (part,) = near_uniform(frames("blood", ANY, depth=depth), "blood").parts
    assert part.estimate == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("excesses", "verdict"),
    [
        ([0.10, 0.11, 0.12], "supported"),
        ([0.010, 0.011, 0.012], "not supported"),  # above 1/D, but by less than asked
        ([-0.12, -0.11, -0.10], "not supported"),
        ([0.0, 0.06, 0.12], "undecided"),
    ],
)
def test_deep_verdicts(excesses: list[float], verdict: str) -> None:
    depth = study({f"{i}-s0": [[0.5 - e, 0.5 + e]] for i, e in enumerate(excesses)})
    finding = deep(frames("blood", ANY, depth=depth), "blood")
    assert finding.verdict == verdict
    assert [part.rule for part in finding.parts] == [">= 0", ">= 0.05"]
    assert finding.parts[0].estimate == pytest.approx(sum(excesses) / 3)


def test_no_records_are_both_near_uniform_and_deep() -> None:
    for share in (0.5, 0.54, 0.55, 0.56, 0.9):
        depth = study({f"{i}-s0": [[1 - share, share]] for i in range(4)})
        both = [claim(frames("blood", ANY, depth=depth), "blood").verdict
                for claim in (near_uniform, deep)]  # fmt: skip
        assert both.count("supported") <= (2 if share == 0.55 else 1)


def test_the_last_epoch_counts_and_a_single_exit_does_not() -> None:
    depth = study({"a-s0": [[0.3, 0.7]], "one-s0": [[1.0]]})
    rows = last_theta(frames("blood", ANY, depth=depth), "blood")
    assert rows["theta"].tolist() == [0.3, 0.7]
    assert rows["excess"].tolist() == pytest.approx([-0.2, 0.2])


def test_a_single_configuration_decides_nothing() -> None:
    finding = near_uniform(frames("blood", ANY, depth=study({"a-s0": [[0.5, 0.5]]})), "blood")
    assert finding.verdict == "undecided"
    assert finding.parts[0].note == "a single configuration says nothing of others"


@pytest.mark.parametrize("claim", [near_uniform, deep])
def test_without_sae_runs_there_is_no_data(claim: object) -> None:
    assert callable(claim)
    finding = claim(frames("blood", ANY), "blood")
    assert (finding.verdict, finding.parts) == ("no data", ())


def test_the_interval_is_student_s() -> None:
    values = pd.Series([1.0, 2.0, 4.0, 9.0])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    estimate, low, high = mean_interval(values)
    assert (estimate, low, high) == pytest.approx((4.0, expected.low, expected.high))
    assert mean_interval(values[:1]) == (1.0, -math.inf, math.inf)
    assert mean_interval(pd.Series([2.0, 2.0])) == (2.0, 2.0, 2.0)
