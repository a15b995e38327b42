"""What the depth figure shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.figures import depth
from bench.records.frames import Frames
from figures.study import legend_labels, xy


def test_depth_lines_by_hand(study: Frames) -> None:
    drawn = dict(depth.figures(study))
    assert list(drawn) == ["depth", "depth_digits_D3", "depth_retina_D3"]
    panels = {axes.get_title(): axes for axes in drawn["depth_digits_D3"].axes}
    assert list(panels) == [
        "SE NN, n = 1", "EE, n = 1", "MIMO, n = 1", "MIMMO, n = 1", "I/B, n = 2",
    ]  # fmt: skip
    # One input: 0.2, 0.3, 0.5 and over seeds 0.01 further; two inputs: 0.05 further on average.
    for title, end in (("EE, n = 1", 0.01), ("I/B, n = 2", 0.06)):
        *exits, uniform = panels[title].lines
        for line, last in zip(exits, (0.2 - end, 0.3, 0.5 + end), strict=True):
            expected = [[0, 1 / 3], [0.5, (1 / 3 + last) / 2], [1, last]]
            np.testing.assert_allclose(xy(line), expected)
        assert xy(uniform)[:, 1].tolist() == [1 / 3, 1 / 3]
        assert uniform.get_linestyle() == ":"
        assert panels[title].get_xlabel() == "Training progress"
    assert legend_labels(drawn["depth_digits_D3"]) == ["exit 1", "exit 2", "exit 3", "uniform, 1/D"]


def test_depth_band_is_the_spread_over_configurations() -> None:
    rows = [
        {"category": "EE", "config_id": config, "run_id": f"{config}{seed}", "exit": 1,
         "progress": 1.0, "theta": theta}
        for config, seed, theta in (("a", 0, 0.1), ("a", 1, 0.3), ("b", 0, 0.6))
    ]  # fmt: skip
    (row,) = depth.curves(pd.DataFrame(rows)).to_dict("records")
    # Configuration means 0.2 and 0.6, whatever the number of seeds.
    assert (row["mean"], row["std"]) == (pytest.approx(0.4), pytest.approx(0.2))


@pytest.mark.parametrize(("optimum", "held"), [(0.36, True), (0.5, False), (np.nan, False)])
def test_curves_that_the_objective_holds_at_uniform_are_marked(
    study: Frames, optimum: float, held: bool
) -> None:
    rows = study.depth[study.depth["dataset"] == "digits"]
    first = rows["exit"] == 1
    rows = rows.assign(optimum=np.where(first, optimum, (1 - optimum) / 2))
    for axes in depth.draw(rows).axes:
        texts = [text.get_text() for text in axes.texts]
        assert any(text.startswith("undecided: the objective") for text in texts) == held


def test_depth_interpolates_runs_of_different_length() -> None:
    rows = [
        {"category": "EE", "config_id": config, "run_id": config, "exit": 1, "progress": progress,
         "theta": theta}
        for config, points in (("a", ((0, 0.0), (1, 0.8))), ("b", ((0, 0), (0.5, 0.2), (1, 0.2))))
        for progress, theta in points
    ]  # fmt: skip
    table = depth.curves(pd.DataFrame(rows))
    assert table["progress"].tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(table["mean"], [0, 0.3, 0.5])


def test_depth_of_a_single_epoch_is_a_line_from_uniform(study: Frames) -> None:
    once = study.depth[(study.depth["dataset"] == "digits") & (study.depth["progress"] == 1.0)]
    panels = {axes.get_title(): axes for axes in depth.draw(once).axes}
    *exits, _ = panels["EE, n = 1"].lines
    for line, last in zip(exits, (0.2 - 0.01, 0.3, 0.5 + 0.01), strict=True):
        np.testing.assert_allclose(xy(line), [[0, 1 / 3], [1, last]])


def test_depth_does_not_mix_depths(study: Frames) -> None:
    other = study.depth.assign(depth=2, dataset="digits")
    mixed = pd.concat([study.depth, other[other["exit"] < 3]])
    stems = [stem for stem, _ in depth.figures(replace(study, depth=mixed))]
    assert stems == ["depth", "depth_digits_D2", "depth_digits_D3", "depth_retina_D3"]
    with pytest.raises(ValueError, match="one D a figure"):
        depth.draw(mixed)
