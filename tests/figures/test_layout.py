"""What is written below the axes stays on the page."""

import pytest
from matplotlib.figure import Figure

from bench.figures import style
from bench.figures.layout import legend_below, note_below, point_handle

NOTE = "Searched on pneumonia, on validation alone; networks trained: " + ", ".join(
    f"mc_dropout {n} (337 core-seconds)" for n in range(9)
)


@pytest.fixture
def figure() -> Figure:
    drawn = style.column(3.0)
    drawn.subplots()
    own = style.CategoryStyle(marker="o", color=style.MID_GREY)
    legend_below(drawn, [point_handle("standard", own)])
    return drawn


@style.fixed()
def test_a_long_note_is_as_wide_as_the_page_takes(figure: Figure) -> None:
    note_below(figure, NOTE)
    (legend,) = figure.legends
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert box.width > 0.9 * figure.bbox.width
    assert legend.get_title().get_text().replace("\n", " ") == NOTE


def test_without_a_note_the_legend_has_no_title(figure: Figure) -> None:
    note_below(figure, None)
    assert figure.legends[0].get_title().get_text() == ""
