"""Diversity against quality: the points are the configurations' means, and nothing else."""

import numpy as np
import pandas as pd

from bench.figures import diversity, style
from figures.study import CATEGORIES, frames, legend_labels, make_study, markers, segments

LOOKS = style.category_styles(CATEGORIES)


def test_each_configuration_is_in_each_panel(digits: pd.DataFrame) -> None:
    figure = diversity.draw(digits, LOOKS)
    panels = figure.axes
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in panels] == [
        ("Disagreement", "Accuracy ↑"), ("Mutual information (nats)", "Accuracy ↑"),
        ("Disagreement", "ECE ↓"), ("Mutual information (nats)", "ECE ↓"),
    ]  # fmt: skip
    scales = ((0.01, 0.78, 0.01), (0.002, 0.78, 0.01), (0.01, 0.22, -0.01), (0.002, 0.22, -0.01))
    for axes, (step, start, slope) in zip(panels, scales, strict=True):
        drawn = sorted((x, y) for x, y, _ in markers(axes))
        np.testing.assert_allclose(
            drawn, [(step * i, start + slope * i) for i in range(10)], atol=1e-12
        )
    assert legend_labels(figure) == list(CATEGORIES)
    # Bars are the spread over seeds.
    horizontal, vertical = (segments(bars) for bars in panels[0].collections)
    width = 2 * 0.01 * np.sqrt(2)  # Values 0.01 around the mean: sample deviation 0.01 * sqrt(2).
    np.testing.assert_allclose([s[1][0] - s[0][0] for s in horizontal], width)
    np.testing.assert_allclose([s[1][1] - s[0][1] for s in vertical], width)


def test_regression_has_the_variance_of_members() -> None:
    ((stem, figure),) = diversity.figures(make_study(["retina"]))
    assert stem == "diversity_retina"
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("Variance of member means", "MSE ↓"), ("Variance of member means", "NLL (nats) ↓"),
    ]  # fmt: skip
    drawn = sorted(x for x, *_ in markers(figure.axes[0]))
    np.testing.assert_allclose(drawn, [0.001 * i for i in range(10)])


def test_single_predictors_alone_show_nothing(digits: pd.DataFrame) -> None:
    alone = digits[digits["category"] == "Standard NN"]
    alone = alone.assign(disagreement=0.0, mutual_information=0.0)
    assert list(diversity.figures(frames(alone))) == []
