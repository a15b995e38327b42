"""The critical-difference diagram: ranks and bars by hand, words where it cannot tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.figures import ranks
from bench.records.frames import load_frames
from bench.statistics.friedman import RankTest, blocks, rank_test
from figures.stored import write_study
from figures.study import xy

# Demsar (2006), section 3.2.2: average ranks of C4.5, with m, with cf, with both, on 14 datasets;
# Nemenyi's critical difference is 1.25 at 5% for 4 classifiers.
DEMSAR = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}


def _test(**changes: Any) -> RankTest:
    facts: dict[str, Any] = {
        "ranks": pd.Series(DEMSAR), "n_blocks": 14, "n_datasets": 14, "statistic": 9.28, "p": 0.026,
        "critical_difference": 1.25, "enough": True, "message": "", "left_out": (),
    }  # fmt: skip
    return RankTest(**(facts | changes))


def _note(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def _marked(figure: Figure, gid: str) -> list[Any]:
    return [line for line in figure.axes[0].lines if line.get_gid() == gid]


def test_cliques_of_demsars_example() -> None:
    # C4.5 and C4.5+m+cf are 1.18 apart: with 14 datasets the test tells none of them apart.
    spans = ranks.cliques(pd.Series(DEMSAR), 1.25)
    assert spans == [(1.964, 3.143)]


@pytest.mark.parametrize(
    ("difference", "spans"),
    [
        (0.5, []),
        (1.0, [(1, 2), (4, 5)]),  # exactly as far apart as allowed: not told apart
        (2.0, [(1, 2), (2, 4), (4, 5)]),
        (3.0, [(1, 4), (2, 5)]),
        (9.0, [(1, 5)]),
    ],
)
def test_cliques_by_hand(difference: float, spans: list[tuple[float, float]]) -> None:
    assert ranks.cliques(pd.Series([4.0, 1.0, 5.0, 2.0]), difference) == spans


def test_equal_ranks_are_a_clique() -> None:
    assert ranks.cliques(pd.Series([2.0, 2.0, 5.0]), 1.0) == [(2, 2)]


def test_every_rank_is_written_and_pointed_at() -> None:
    figure = ranks.draw(_test())
    written = {text.get_text().strip() for text in figure.axes[0].texts}
    assert {"C4.5+m+cf  1.96", "C4.5+m  2.00", "2.89  C4.5+cf", "3.14  C4.5"} <= written
    elbows = [line for line in figure.axes[0].lines if len(xy(line)) == 3]
    assert sorted(xy(line)[0, 0] for line in elbows) == sorted(DEMSAR.values())
    (bar,) = _marked(figure, "clique")
    np.testing.assert_allclose(bar.get_xdata(), [1.964 - 0.03, 3.143 + 0.03])
    (width,) = _marked(figure, "critical difference")
    assert np.ptp(width.get_xdata()) == pytest.approx(1.25)
    assert "14 blocks" in _note(figure)
    assert "p = 0.026" in _note(figure)


def test_too_few_blocks_are_said_and_nothing_is_claimed() -> None:
    why = "14 blocks are too few to tell 4 categories apart"
    figure = ranks.draw(_test(enough=False, message=why))
    assert why in _note(figure)
    assert "No difference is claimed" in _note(figure)
    assert not _marked(figure, "clique")
    assert not _marked(figure, "critical difference")
    assert "p =" not in _note(figure)


def test_what_was_left_out_is_said() -> None:
    assert "missing: EE, digits nll" in _note(ranks.draw(_test(left_out=("EE", "digits nll"))))


def test_a_study_is_ranked(tmp_path: Path) -> None:
    frames = load_frames(write_study(tmp_path, seeds=[0], corruptions=()))
    (stem, figure), (other, _) = ranks.figures(frames)
    assert other == "improvement"
    assert stem == "ranks"
    test = rank_test(blocks(frames))
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert len(test.ranks) == 6
    for category, rank in test.ranks.items():
        assert f"{category}  {rank:.2f}" in written or f"{rank:.2f}  {category}" in written
    assert test.message in _note(figure)
