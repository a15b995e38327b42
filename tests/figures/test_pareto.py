"""What the Pareto figure shows."""

import numpy as np
import pandas as pd
import pytest

from bench.errors import UserError
from bench.figures import pareto, style
from bench.figures.numbers.cost_axes import CostAxes, parse
from bench.records.measurements import MEASURES
from figures.study import CATEGORIES, frames, legend_labels, make_study, markers, segments, xy


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

    # The front line is that of what validation selected. The last configuration has the best
    # accuracy and ECE: the front is this point; the first one has the lowest costs.
    (line_above,) = [line for line in above.lines if line.get_color() == "#707070"]
    np.testing.assert_allclose(xy(line_above), [(0.87, 0.13)])
    (line_below,) = [line for line in below.lines if line.get_color() == "#707070"]
    np.testing.assert_allclose(xy(line_below), [(1e6, 3e5)])

    # Error bars are the spread over seeds; values 0.01 around the mean have a sample deviation of
    # 0.01 * sqrt(2). Costs that all seeds share have no bar.
    horizontal, vertical = (segments(bars) for bars in above.collections)
    width = 2 * 0.01 * np.sqrt(2)
    np.testing.assert_allclose([s[1][0] - s[0][0] for s in horizontal], width)
    np.testing.assert_allclose([s[1][1] - s[0][1] for s in vertical], width)
    for bars in below.collections:
        np.testing.assert_allclose([end[1] - end[0] for end in segments(bars)], 0)


def test_pareto_legend_has_the_categories_present(digits: pd.DataFrame) -> None:
    some = digits[digits["category"].isin(["I/B", "Standard NN", "EE"])]
    labels = legend_labels(pareto.draw(some, style.category_styles(CATEGORIES)))
    assert labels[:3] == ["Standard NN", "EE", "I/B"]
    # Each front is a single point here: no line, which the legend would explain, is drawn.
    assert labels[3:] == ["selected on val.", "not selected"]
    dearer = some.assign(params=1 / some["params"])  # what costs fewer FLOPs has more parameters
    labels = legend_labels(pareto.draw(dearer, style.category_styles(CATEGORIES)))
    assert labels[5:] == ["their front, in this panel"]


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


TIME_AND_SIZE = CostAxes("eager_latency_ms", "onnx_mib")


def measured(runs: pd.DataFrame, n_configurations: int = 10) -> pd.DataFrame:
    """The first configurations with times of 10, 9, ... ms and files of 1, 2, ... MiB."""
    i = runs["config_id"].str.rpartition("-")[2].astype(int)
    known = i < n_configurations
    return runs.assign(
        eager_latency_ms=(10.0 - i).where(known),
        onnx_mib=(1.0 + i).where(known),
        machine=pd.Series("Abacus", index=runs.index).where(known),
    )


def stems(runs: pd.DataFrame, costs: CostAxes = TIME_AND_SIZE) -> list[str]:
    return [stem for stem, _ in pareto.figures_at_costs(frames(runs), costs, "main")]


def test_any_measured_number_is_an_axis(digits: pd.DataFrame) -> None:
    ((stem, figure),) = pareto.figures_at_costs(frames(measured(digits)), TIME_AND_SIZE, "main")
    assert stem == "pareto_digits_eager_latency_ms_onnx_mib"
    above, below = figure.axes
    assert len(markers(above)) == 10
    assert (
        sorted((x, y) for x, y, _ in markers(below))
        == [(10.0 - i, 1.0 + i) for i in range(10)][::-1]
    )
    assert below.get_xlabel() == "Deployed network, one image (ms)"
    assert below.get_ylabel() == "ONNX file (MiB)"
    (legend,) = figure.legends
    note = legend.get_title().get_text().replace("\n", " ")
    assert note.startswith("Measured on Abacus. Selected on validation metrics, FLOPs and")
    for key in MEASURES:
        assert CostAxes(key, "flops").labels[0] == MEASURES[key]


def test_the_selection_is_not_by_what_was_measured(digits: pd.DataFrame) -> None:
    runs = digits.copy()
    runs.loc[runs["config_id"] == "digits-0", ["flops", "params"]] = 1e12
    chosen = pareto.draw(runs, style.category_styles(CATEGORIES))
    # The one that loses on all counts is the smallest file now.
    by_time = pareto.draw(measured(runs), style.category_styles(CATEGORIES), None, TIME_AND_SIZE)
    for one, other in zip(chosen.axes[0].lines, by_time.axes[0].lines, strict=True):
        np.testing.assert_array_equal(xy(one), xy(other))
        assert one.get_alpha() == other.get_alpha()


def test_what_was_not_measured_is_not_shown_and_that_is_said(
    digits: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    runs = measured(digits, 7)
    # One seed of two is not enough: the mean would be that of other networks.
    runs.loc[runs["run_id"] == "digits-3-1", "onnx_mib"] = np.nan
    ((_, figure),) = pareto.figures_at_costs(frames(runs), TIME_AND_SIZE, "main")
    assert [len(markers(axes)) for axes in figure.axes] == [6, 6]
    said = "4 of 10 configurations were not measured and are not shown"
    assert f"pareto: digits: {said}" in caplog.text
    (legend,) = figure.legends
    assert said in legend.get_title().get_text().replace("\n", " ")


def test_nothing_measured_nothing_drawn(
    digits: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert stems(digits) == []
    said = "pareto: nothing to show for digits, no configuration has eager_latency_ms and onnx_mib"
    assert f"{said}; run python -m bench.latency" in caplog.text
    assert stems(measured(digits, 0)) == []


def test_counted_costs_go_without_saying(digits: pd.DataFrame) -> None:
    assert stems(digits, CostAxes()) == ["pareto_digits"]
    assert stems(digits, CostAxes("params", "flops")) == ["pareto_digits_params_flops"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flops,time", r"unknown cost 'time'; choose from flops, params, paper_flops, .*, "),
        ("flops", r"--costs flops: must be two costs"),
        ("flops,params,onnx_mib", r"must be two costs"),
        ("params,params", r"--costs params,params: the axes must be two different costs"),
    ],
)
def test_what_is_no_pair_of_costs(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(text)
