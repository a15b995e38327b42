"""The benchmarks run by hand still run, and measure what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perf import search_hypervolume
from perf.closed_form import Problem, branin_currin, dtlz2
from search.spaces import SMALL


def test_hypervolume_by_hand() -> None:
    problem = Problem(
        distributions=SMALL,
        directions=("minimize", "maximize"),
        reference=(4.0, 0.0),
        evaluate=lambda _params: (0.0, 0.0),
    )
    values = [(3.0, 1.0), (2.0, 2.0), (5.0, 9.0), (1.0, 1.0)]
    # 1x1; 2x2, of which the first is a part; outside the reference; one more column of height 1.
    assert search_hypervolume.hypervolumes(problem, values).tolist() == [1, 4, 4, 5]


def test_dtlz2_is_a_sphere_where_the_other_parameters_are_in_the_middle() -> None:
    problem = dtlz2(5, 9, mixed=True)
    middle = {f"x{index}": (0.5, 2, 2)[index % 3] for index in range(9)}
    assert np.linalg.norm(problem.evaluate(middle)) == pytest.approx(1)
    # Moving one of the last five by a half adds a quarter to the radius.
    assert np.linalg.norm(problem.evaluate({**middle, "x7": 4})) == pytest.approx(1.25)


def test_searches_share_their_first_design() -> None:
    problem = branin_currin()
    (first, _), (second, seconds) = (
        search_hypervolume.search(problem, sampler, n_trials=14, seed=0)
        for sampler in ("random", "tpe")
    )
    assert len(first) == len(second) == 14
    assert first[:6] == second[:6]
    assert first[10:] != second[10:]
    assert seconds > 0


def test_bayes_beats_random_on_branin_currin(tmp_path: Path) -> None:
    found = search_hypervolume.measure({"branin": branin_currin()}, n_trials=20, n_seeds=1)
    last = {sampler: curves[0, -1] for sampler, (curves, _) in found["branin"].items()}
    assert last["botorch"] > 50 > last["random"]  # of 59.36
    assert f"| branin | random | {last['random']:.4g} ± 0 |" in search_hypervolume.table(found)
    search_hypervolume.draw(found).savefig(tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 1000
