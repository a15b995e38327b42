"""Expected best of n trials: by hand, by simulation, and from the records of a search."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from figures.searched import BEST, MIDDLE, WORST, write_search
from figures.study import make_study, xy

from bench.figures import expected_validation as figure_of
from bench.statistics.expected_validation import best_of, expected_validation


def test_two_and_three_values_by_hand() -> None:
    # The best of one is the mean; of two it is 3 only if both draws are, in one case of four.
    assert best_of(np.array([3.0, 1.0]))[:, 0] == pytest.approx([2, 1.5])
    # Of two draws from 1, 2, 6: 1 in 5 of 9 cases, 2 in 3, 6 in 1; of three 1 in 19 of 27, 2 in 7.
    expected = [3, (5 + 6 + 6) / 9, (19 + 14 + 6) / 27]
    assert best_of(np.array([2.0, 6.0, 1.0]))[:, 0] == pytest.approx(expected)
    assert best_of(np.array([2.0, 6.0, 1.0]))[1, 1:] == pytest.approx([1, 6])  # 6: 1/9 > 2.5%


def test_simulated_searches_agree() -> None:
    rng = np.random.default_rng(0)
    values_T = rng.lognormal(size=40)
    for n, (expected, low, high) in enumerate(best_of(values_T), start=1):
        if n in {1, 3, 10, 40}:
            best_R = rng.choice(values_T, (20_000, n)).min(axis=1)
            assert best_R.mean() == pytest.approx(expected, abs=4 * best_R.std() / 20_000**0.5)
            assert np.mean(best_R < low) < 0.03
            assert np.mean(best_R > high) < 0.03


def test_the_trials_of_a_search(tmp_path: Path) -> None:
    write_search(tmp_path, "sae", [("a", WORST, 2.0), ("b", None, 0.0), ("a", WORST, 2.0),
                                   ("c", BEST, 4.0)])  # fmt: skip
    write_search(tmp_path, "standard", [("e", MIDDLE, 0.5)])
    study = replace(make_study(["digits"]), root=tmp_path)
    table = expected_validation(study)
    sae = table[table["method"] == "sae"]
    nll = table["metric"].unique().tolist()
    assert nll == ["nll"]
    assert sae["trials"].tolist() == [1, 2]  # "a" was trained once, "b" failed
    assert sae["core_seconds"].tolist() == [3, 6]
    assert sae["expected"].tolist() == pytest.approx([0.2, 0.15])  # NLLs of .3 and .1
    ((stem, figure),) = figure_of.figures(study)
    assert stem == "expected_validation_digits"
    drawn = [axes.lines for axes in figure.axes]
    assert [len(lines) for lines in drawn] == [4, 4]  # a curve and its end for each method
    assert {float(xy(line)[-1, 0]) for line in drawn[1]} == {0.5, 6.0}


def test_without_a_search_there_is_nothing(tmp_path: Path) -> None:
    assert expected_validation(replace(make_study(["digits"]), root=tmp_path)).empty
    assert expected_validation(make_study(["digits"])).empty
