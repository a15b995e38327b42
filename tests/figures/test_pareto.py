"""What the Pareto figure shows."""

import numpy as np
import pandas as pd
import pytest

from bench.figures import pareto, style
from figures.study import CATEGORIES, legend_labels, make_study, markers, segments, xy


def test_pareto_draws_each_configuration_once_in_both_panels(digits: pd.DataFrame) -> None:
    above, below = pareto.draw(digits, style.category_styles(CATEGORIES)).axes
    means = sorted((0.8 + i / 100 - 0.02, 0.2 - i / 100 + 0.02) for i in range(10))
    drawn = sorted((x, y) for x, y, _ in markers(above))
    np.testing.assert_allclose(drawn, means)
    costs = sorted((1e6 * 2**i, 3e5 + 1e4 * i) for i in range(10))
    np.testing.assert_allclose(sorted((x, y) for x, y, _ in markers(below)), costs)
    assert [(above.get_xlabel(), above.get_ylabel()), (below.get_xlabel(), below.get_ylabel())] == [
        ("Accuracy ↑", "ECE ↓"),
        ("FLOPs (fused multiply-adds)", "Parameters"),
    ]
    # FLOPs span a factor of 512, parameters one of 1.3.
    assert (below.get_xscale(), below.get_yscale()) == ("log", "linear")


def test_pareto_legend_has_the_categories_present(digits: pd.DataFrame) -> None:
    some = digits[digits["category"].isin(["I/B", "Standard NN", "EE"])]
    labels = legend_labels(pareto.draw(some, style.category_styles(CATEGORIES)))
    assert labels[:3] == ["Standard NN", "EE", "I/B"]
    assert labels[3:] == ["selected on val.", "not selected", "front of this panel"]


def test_pareto_outlines_what_validation_selects(digits: pd.DataFrame) -> None:
    # On validation the later configuration is better but dearer, so that all are on the front;
    # the first one made dearer than the last one loses to it on all four.
    runs = digits.copy()
    runs.loc[runs["config_id"] == "digits-0", ["flops", "params"]] = 1e12
    # Test numbers that would put it back must not.
    runs.loc[(runs["config_id"] == "digits-0") & (runs["split"] == "test"), "accuracy"] = 1.0
    for axes in pareto.draw(runs, style.category_styles(CATEGORIES)).axes:
        faded = [line for *_, line in markers(axes) if line.get_alpha() is not None]
        outlined = [line for *_, line in markers(axes) if line.get_alpha() is None]
        assert len(faded) == 1
        assert len(outlined) == 9
        assert faded[0].get_color() == style.category_styles(CATEGORIES)["Standard NN"].color
        assert {line.get_markeredgecolor() for line in outlined} == {"#1a1a1a"}


def test_pareto_front_line_is_the_front_of_the_panel(digits: pd.DataFrame) -> None:
    above, below = pareto.draw(digits, style.category_styles(CATEGORIES)).axes
    # The last configuration has the best accuracy and ECE, the first the lowest costs.
    (line_above,) = [line for line in above.lines if line.get_color() == "#707070"]
    corner = xy(line_above)[1]
    np.testing.assert_allclose(corner, (0.87, 0.13))
    (line_below,) = [line for line in below.lines if line.get_color() == "#707070"]
    np.testing.assert_allclose(xy(line_below)[1], (1e6, 3e5))


def test_pareto_error_bars_are_the_spread_over_seeds(digits: pd.DataFrame) -> None:
    above, below = pareto.draw(digits, style.category_styles(CATEGORIES)).axes
    horizontal, vertical = (segments(bars) for bars in above.collections)
    width = 2 * 0.01 * np.sqrt(2)  # Values 0.01 around the mean: sample deviation 0.01 * sqrt(2).
    np.testing.assert_allclose([s[1][0] - s[0][0] for s in horizontal], width)
    np.testing.assert_allclose([s[1][1] - s[0][1] for s in vertical], width)
    assert not below.collections


def test_pareto_takes_any_metric_pair(digits: pd.DataFrame) -> None:
    above = pareto.draw(digits, style.category_styles(CATEGORIES), ("f1", "nll")).axes[0]
    assert (above.get_xlabel(), above.get_ylabel()) == ("Macro F1 ↑", "NLL (nats) ↓")
    with pytest.raises(ValueError, match="mse"):
        pareto.draw(digits, style.category_styles(CATEGORIES), ("mse", "nll"))


def test_pareto_warns_of_what_it_cannot_show(
    digits: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    runs = digits.copy()
    runs.loc[runs["run_id"] == "digits-4-1", "ece"] = np.nan
    above = pareto.draw(runs, style.category_styles(CATEGORIES)).axes[0]
    assert len(markers(above)) == 9
    assert "digits-4 is not shown" in caplog.text


def test_pareto_regression_axes() -> None:
    runs = make_study(["retina"]).runs
    above = pareto.draw(runs, style.category_styles(CATEGORIES)).axes[0]
    assert (above.get_xlabel(), above.get_ylabel()) == ("MSE ↓", "NLL (nats) ↓")
