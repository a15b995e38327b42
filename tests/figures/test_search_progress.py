"""Search progress: hypervolumes and core-seconds by hand, from a journal and records on disk."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.figures import search_progress, style
from bench.records.store import search_folder
from bench.search.progress import hypervolumes, progress, save_progress
from figures.searched import BEST, MIDDLE, WORST, write_search
from figures.study import frames, legend_labels, make_study, xy

ALL_WORST = (0.1 / 1.1) ** 7  # Of a point that is 1 in all of 7 objectives.


def test_hypervolume_of_two_objectives_by_hand() -> None:
    costs = np.array([[0, 1], [np.nan, np.nan], [1, 0], [0.5, 0.5], [0.6, 0.6]])
    # 1.1 x 0.1; nothing; as much again but for a square of 0.1; 0.6 x 0.6 without 0.11; nothing.
    np.testing.assert_allclose(hypervolumes(costs) * 1.21, [0.11, 0.11, 0.21, 0.46, 0.46])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_search(tmp_path, "sae", [
        ("a", WORST, 2.0), ("b", None, 0.0), ("a", WORST, 2.0), ("c", BEST, 3.0),
        ("d", MIDDLE, 1.0),
    ])  # fmt: skip
    write_search(tmp_path, "standard", [("e", MIDDLE, 0.5)])
    return tmp_path


def test_progress_by_hand(results: Path) -> None:
    table = progress(results)
    sae = table[table["method"] == "sae"]
    assert sae["trial"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(sae["hypervolume"], [ALL_WORST] * 3 + [1, 1])
    # The second "a" was not trained again, and the failed run has no timings.
    np.testing.assert_allclose(sae["core_seconds"], [2, 2, 2, 5, 6])
    standard = table[table["method"] == "standard"]
    # On the scale of both searches, whose best and worst are the other one's; costs as logarithms.
    np.testing.assert_allclose(standard["hypervolume"], [(0.6 / 1.1) ** 7])


def test_reading_changes_nothing(results: Path) -> None:
    def files() -> dict[Path, str]:
        found = (path for path in search_folder(results).rglob("*") if path.is_file())
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    before = files()
    progress(results)
    assert files() == before


def test_what_is_drawn(results: Path) -> None:
    table = progress(results)
    figure = search_progress.draw(table, search_progress.method_styles(make_study(["digits"]).runs))
    trials, seconds = figure.axes
    assert trials.get_xlabel() == "Trials"
    assert seconds.get_xlabel() == "Core-seconds of training and validation"
    sae = table[table["method"] == "sae"]
    for axes, column in ((trials, "trial"), (seconds, "core_seconds")):
        (line,) = [line for line in axes.lines if len(xy(line)) == len(sae)]
        np.testing.assert_allclose(xy(line), sae[[column, "hypervolume"]])
        assert line.get_drawstyle() == "steps-post"
    assert legend_labels(figure) == ["standard (botorch)", "sae (botorch)"]


def test_two_searches_of_a_method_are_two_lines(results: Path) -> None:
    write_search(results, "sae", [("f", MIDDLE, 0.5)], seed=1)
    figure = search_progress.draw(progress(results), {})
    assert legend_labels(figure) == ["sae (botorch)", "sae (botorch)", "standard (botorch)"]


def test_a_search_of_other_objectives_is_left_out(
    results: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = "bench.search.progress.objectives_for"
    monkeypatch.setattr(module, lambda *_: [])
    assert progress(results).empty
    assert "other objectives" in caplog.text


def test_searches_that_minimise_other_costs_have_a_figure_of_their_own(results: Path) -> None:
    before = progress(results)
    times = ("flops", "eager_latency_ms")
    write_search(results, "sae", [("g", BEST, 1.0), ("h", WORST, 1.0)], seed=2, costs=times)
    table = progress(results)
    pd.testing.assert_frame_equal(
        table[table["costs"] == "flops,params"].reset_index(drop=True), before
    )
    mine = table[table["costs"] == "flops,eager_latency_ms"]
    np.testing.assert_allclose(mine["hypervolume"], [1, 1])
    save_progress(results)
    drawn = replace(make_study(["digits"]), root=results)
    stems = [stem for stem, _ in search_progress.figures(drawn)]
    assert sorted(stems) == [
        "search_progress_digits", "search_progress_digits_flops_eager_latency_ms",
    ]  # fmt: skip


def test_without_a_search_there_is_no_figure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert progress(tmp_path).empty
    assert list(search_progress.figures(frames(pd.DataFrame()))) == []
    assert "nothing to show" in caplog.text


def test_methods_have_the_style_of_their_category() -> None:
    styles = search_progress.method_styles(make_study(["digits"]).runs)
    known = style.category_styles(["Standard NN", "MC Dropout"])
    assert styles["standard"] == known["Standard NN"]
    assert styles["mc_dropout"] == known["MC Dropout"]
    assert list(styles) == ["standard", "ensemble", "mc_dropout", "batch_ensemble", "sae"]
    assert len({own.marker for own in styles.values()}) == 5
