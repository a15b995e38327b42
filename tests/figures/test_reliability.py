"""Reliability diagrams: bins, coverages and intervals by hand, and that they are what is drawn."""

import numpy as np
import pandas as pd
import pytest
from predictives import HAND, mixed_regressor, of_gaussians, of_probabilities, sharp_classifier
from scipy.stats import beta

from bench.figures import reliability
from bench.figures.numbers.reliability import curve, tally
from bench.metrics import calibration
from figures.study import legend_labels, xy


def test_bins_by_hand() -> None:
    # Confidences .7, .6, .5, .8, right, right, wrong, right: bins (k/15, (k+1)/15] 10, 8, 7, 11.
    found = curve(tally([HAND]))
    assert found["point"].tolist() == [7, 8, 10, 11]
    np.testing.assert_allclose(found["stated"], [0.5, 0.6, 0.7, 0.8])
    assert found["observed"].tolist() == [0, 1, 1, 1]
    assert found["share"].tolist() == [0.25] * 4
    assert found["images"].tolist() == [1] * 4


def test_the_bins_are_those_of_the_calibration_error() -> None:
    predictive = sharp_classifier()
    found = curve(tally([predictive]))
    gaps = (found["share"] * (found["observed"] - found["stated"]).abs()).sum()
    assert gaps == pytest.approx(calibration.ece(predictive), abs=1e-12)


def test_the_coverages_are_those_of_the_coverage_error() -> None:
    predictive = mixed_regressor()
    found = curve(tally([predictive]))
    np.testing.assert_allclose(found["stated"], np.arange(1, 10) / 10)
    gaps = (found["observed"] - found["stated"]).abs().mean()
    assert gaps == pytest.approx(calibration.coverage_error(predictive), abs=1e-12)


def test_coverage_by_hand() -> None:
    # The central 50% of a standard normal are within 0.674, the central 90% within 1.645.
    found = curve(tally([of_gaussians([0.0] * 4, [1.0] * 4, [0.0, 0.7, -1.6, 2.0])]))
    covered = found.set_index(found["stated"].round(1))["observed"]
    assert (covered[0.5], covered[0.9]) == (0.25, 0.75)


def test_an_image_counts_once_in_the_interval() -> None:
    one = of_probabilities([[0.65, 0.35]] * 8, [0] * 6 + [1] * 2)
    alone, often = curve(tally([one])), curve(tally([one] * 10))
    pd.testing.assert_frame_equal(alone, often)
    (row,) = alone.to_dict("records")
    assert row["images"] == 8
    # Jeffreys' interval for 6 of 8 is the central 95% of Beta(6.5, 2.5).
    np.testing.assert_allclose([row["low"], row["high"]], beta(6.5, 2.5).interval(0.95))


def test_jeffreys_interval_is_the_published_one() -> None:
    # Brown, Cai, DasGupta (2001), table 5: n = 10, x = 3 gives .093 to .606; x = 0 begins at 0.
    some = curve(tally([of_probabilities([[0.65, 0.35]] * 10, [0] * 3 + [1] * 7)])).iloc[0]
    np.testing.assert_allclose([some["low"], some["high"]], [0.093, 0.606], atol=5e-4)
    none = curve(tally([of_probabilities([[0.65, 0.35]] * 10, [1] * 10)])).iloc[0]
    assert none["low"] == 0
    assert none["high"] == pytest.approx(0.217, abs=5e-4)


def test_predictions_of_other_images_are_not_pooled() -> None:
    with pytest.raises(ValueError, match="one set of images"):
        tally([HAND, sharp_classifier()])
    with pytest.raises(ValueError, match="at least one"):
        tally([])


def _table(series: tuple[str, ...], predictive: object = None) -> pd.DataFrame:
    parts = [
        curve(tally([sharp_classifier(n)])).assign(
            dataset="digits", category=category, series=name, error=0.1 * n / 100
        )
        for n, name in zip((300, 400), series, strict=False)
        for category in ("EE", "Standard NN")
    ]
    return pd.concat(parts, ignore_index=True)


def test_what_is_drawn() -> None:
    table = _table((reliability.CLEAN, reliability.SHIFT))
    figure = reliability.draw(table, "classification")
    curves = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in curves] == ["Standard NN", "EE"]
    axes = curves[1]
    diagonal, clean, shift = axes.lines
    assert xy(diagonal).tolist() == [[0, 0], [1, 1]]
    for line, name in ((clean, reliability.CLEAN), (shift, reliability.SHIFT)):
        rows = table[(table["category"] == "EE") & (table["series"] == name)]
        np.testing.assert_allclose(xy(line), rows[["stated", "observed"]])
    bars = [np.asarray(b.get_segments()) for b in axes.collections]  # type: ignore[attr-defined]
    rows = table[(table["category"] == "EE") & (table["series"] == reliability.CLEAN)]
    np.testing.assert_allclose(bars[0][:, :, 1], rows[["low", "high"]])
    assert [text.get_text() for text in axes.texts] == ["ECE 0.300 clean", "ECE 0.400 shift"]
    shares = [axes for axes in figure.axes if not axes.get_title()][1]
    heights = [patch.get_height() for patch in shares.patches]  # type: ignore[attr-defined]
    assert sum(heights[: len(rows)]) == pytest.approx(1)
    assert legend_labels(figure) == [reliability.CLEAN, reliability.SHIFT, "perfect"]


def test_without_corruptions_there_is_one_curve() -> None:
    figure = reliability.draw(_table((reliability.CLEAN,)), "classification")
    assert legend_labels(figure) == [reliability.CLEAN, "perfect"]


def test_regression_has_coverages_and_no_shares() -> None:
    table = curve(tally([mixed_regressor()])).assign(
        dataset="retina", category="EE", series=reliability.CLEAN, error=0.05
    )
    (axes,) = reliability.draw(table, "regression").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Nominal coverage", "Empirical coverage")
    np.testing.assert_allclose(xy(axes.lines[1]), table[["stated", "observed"]])
