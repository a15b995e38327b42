"""One style for all, and files that are the same to the byte."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bench.figures as figures_package
from bench.figures import pareto, style
from bench.figures.layout import scale_axis
from figures.study import CATEGORIES, frames, legend_labels, markers


def test_categories_are_told_apart() -> None:
    styles = style.category_styles([*CATEGORIES, "New B", "New A"])
    assert list(styles) == [*CATEGORIES, "New A", "New B"]
    assert len({own.marker for own in styles.values()}) == 11
    assert len({own.color for own in styles.values()}) == 11
    assert style.category_styles(["New B", "New A"])["New A"] == styles["New A"]


def test_the_first_method_dropped_in_has_a_colour_of_its_own() -> None:
    styles = style.category_styles([*style._CATEGORIES, "Mine"])
    assert len({own.color for own in styles.values()}) == len(styles)


def test_unknown_category_is_drawn(digits: pd.DataFrame) -> None:
    runs = digits.replace({"category": {"MC Dropout": "Packed Ensemble"}})
    ((_, figure),) = pareto.figures(frames(runs))
    assert "Packed Ensemble" in legend_labels(figure)
    own = style.category_styles(["Packed Ensemble"])["Packed Ensemble"]
    drawn = [line for *_, line in markers(figure.axes[0]) if line.get_color() == own.color]
    assert [line.get_marker() for line in drawn] == [own.marker]


def test_legend_fits_whatever_the_names(digits: pd.DataFrame) -> None:
    runs = digits.replace({"category": {"EE": "Early exits with a name nobody expected"}})
    figure = pareto.draw(runs, style.category_styles(runs["category"]))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert box.y1 <= min(axes_box.y0 for axes_box in boxes if axes_box is not None)


@pytest.mark.parametrize("file_format", style.FORMATS)
def test_files_are_deterministic(
    digits: pd.DataFrame, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    styles = style.category_styles(CATEGORIES)
    first = style.render(pareto.draw(digits, styles), file_format)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # What else could put a date in.
    second = style.render(pareto.draw(digits, styles), file_format)
    assert first == second
    assert b"Date" not in first
    assert b"Matplotlib v" not in first


def test_render_rejects_other_formats() -> None:
    with pytest.raises(ValueError, match=r"'bmp'.*png"):
        style.render(Figure(), "bmp")


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1, 11], "log"), ([1, 10], "linear"), ([-1, 100], "linear"), ([0, 100], "linear")],
)
def test_axes_are_logarithmic_over_a_decade(values: list[float], scale: str) -> None:
    axes = Figure().subplots()
    scale_axis(axes, "y", [*values, np.nan, np.inf])
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", scale)


def test_large_numbers_have_unit_prefixes() -> None:
    axes = Figure().subplots()
    scale_axis(axes, "x", [1e5, 3e7])
    assert axes.xaxis.get_major_formatter()(2e6).replace(" ", "") == "2M"


def _sources() -> list[Path]:
    (package,) = figures_package.__path__
    return [path for path in sorted(Path(package).rglob("*.py")) if path.name != "style.py"]


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.stem)
def test_styles_are_named_in_the_style_file_alone(path: Path) -> None:
    tree = ast.parse(path.read_text())
    colours = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and re.fullmatch(r"#[0-9a-fA-F]{6}", str(node.value))
    ]
    assert not colours
    sizes = {"fontsize", "markersize", "figsize", "size"}
    fixed = [
        (keyword.arg, ast.unparse(keyword.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in sizes and not ast.unparse(keyword.value).startswith("style.")
    ]
    assert not fixed


def test_diversity_has_no_arrow() -> None:
    assert style.metric_label("classification", "disagreement") == "Disagreement"
    assert style.metric_label("classification", "accuracy") == "Accuracy ↑"


def test_lines_of_one_figure_are_told_apart_without_colour() -> None:
    styles = style.category_styles(CATEGORIES)
    for group in (CATEGORIES[:4], CATEGORIES[4:]):
        assert len({styles[name].linestyle for name in group}) == len(group)
    assert len({own["linestyle"] for own in style.exit_styles(4)}) == 4
    fills = style.part_fills(4)
    assert all((a["hatch"] is None) != (b["hatch"] is None) for a, b in pairwise(fills))


def test_pages_are_as_wide_as_they_are_printed() -> None:
    assert style.column(2.0).get_size_inches().tolist() == [3.3, 2.0]
    assert style.page(2.0).get_size_inches().tolist() == [6.9, 2.0]
