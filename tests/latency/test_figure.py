"""FLOPs against measured time."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.figures import latency, style
from bench.records.frames import Frames


def a_row(config: str, seed: int, flops: float, ms: float, **other: Any) -> dict[str, Any]:
    return {
        "dataset": "toy", "backbone": "fc", "config_id": config, "seed": seed, "category": "MIMO",
        "flops": flops, "params": 1.0, "machine": "Abacus", "split": "test",
        "onnx_latency_ms": ms, "onnx_latency_ms_low": ms * 0.9, "onnx_latency_ms_high": ms * 1.2,
        "onnx_image_ms": ms / 8, "onnx_image_ms_low": np.nan, "onnx_image_ms_high": np.nan,
        **other,
    }  # fmt: skip


RUNS = pd.DataFrame(
    [
        a_row("a", 0, 100.0, 1.0),
        a_row("a", 1, 100.0, 9.0),  # another seed of the same network: shown once
        a_row("b", 0, 200.0, 2.0),
        a_row("c", 0, 400.0, 1.5, category="NN Ensemble"),
        a_row("d", 0, 900.0, np.nan),  # not measured
        a_row("e", 0, 50.0, 3.0, dataset="other", backbone="vit"),
    ]
)


def frames(runs: pd.DataFrame) -> Frames:
    return Frames(runs=runs, depth=pd.DataFrame(), failures=pd.DataFrame())


@pytest.fixture
def figure() -> Figure:
    ((stem, figure),) = latency.figures(frames(RUNS))
    assert stem == "latency"
    return figure


def test_a_column_a_dataset_and_a_row_a_batch(figure: Figure) -> None:
    panels = figure.axes
    assert len(panels) == 4
    assert [axes.get_title() for axes in panels[:2]] == ["other, vit", "toy, fc"]
    assert panels[0].get_ylabel() == "ONNX Runtime\none image (ms)"


def test_points_are_the_measured_configurations(figure: Figure) -> None:
    points = {
        (float(x), float(y))
        for line in figure.axes[1].lines
        if line.get_marker() in ("<", "s")
        for x, y in np.asarray(line.get_xydata())
    }
    assert points == {(100.0, 1.0), (200.0, 2.0), (400.0, 1.5)}


def test_the_line_is_time_in_proportion_to_flops(figure: Figure) -> None:
    along = np.asarray(figure.axes[1].lines[0].get_xydata())
    np.testing.assert_allclose(along[[0, -1], 0], [100.0, 400.0])
    # The slope is the median of 1 / 100, 2 / 200 and 1.5 / 400; on a logarithmic axis a curve.
    np.testing.assert_allclose(along[:, 1], along[:, 0] / 100)
    assert len(along) > 50


@style.fixed()
def test_the_legend_covers_no_label(figure: Figure) -> None:
    figure.draw_without_rendering()
    (legend,) = figure.legends
    for axes in figure.axes:
        assert axes.xaxis.label.get_window_extent().y0 >= legend.get_window_extent().y1


def test_rank_correlation_is_said(figure: Figure) -> None:
    (text,) = figure.axes[1].texts
    assert text.get_text() == "rank corr. 0.500"  # ranks 1 2 3 against 1 3 2
    assert not figure.axes[0].texts, "two points or fewer have none worth saying"


def test_nothing_measured_nothing_drawn() -> None:
    bare = RUNS.drop(columns=[name for name in RUNS if "onnx" in str(name)])
    assert list(latency.figures(frames(bare))) == []


def test_it_can_be_rendered(figure: Figure) -> None:
    assert style.render(figure, "png").startswith(b"\x89PNG")
