"""What the figures show, on two small studies whose numbers are known."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures import depth, heatmap, load, names, ood, pareto, style
from bench.figures.__main__ import main
from bench.frames import DEPTH_KEYS, Frames

CATEGORIES = (
    "Standard NN", "NN Ensemble", "MC Dropout", "BatchEnsemble", "SE NN", "EE", "MIMO", "MIMMO",
    "I/B",
)  # fmt: skip
# Category, N, K; all with D = 3. Two I/B configurations share a cell.
CONFIGURATIONS: tuple[tuple[str, float, float], ...] = (
    ("Standard NN", np.nan, np.nan), ("NN Ensemble", np.nan, np.nan),
    ("MC Dropout", np.nan, np.nan), ("BatchEnsemble", np.nan, np.nan),
    ("SE NN", 1, 1), ("EE", 1, 2), ("MIMO", 2, 1), ("MIMMO", 2, 3), ("I/B", 2, 2), ("I/B", 2, 2),
)  # fmt: skip
SEEDS = (0, 1)
CORRUPTIONS = ("blur", "noise")
TASKS = {"digits": "classification", "retina": "regression"}


def frames(runs: pd.DataFrame, depth: pd.DataFrame | None = None) -> Frames:
    depth = pd.DataFrame(columns=list(DEPTH_KEYS)) if depth is None else depth
    return Frames(runs=runs, depth=depth, failures=pd.DataFrame())


def quality(i: int, seed: int, loss: float) -> dict[str, float]:
    """Metrics of configuration i; its seeds lie 0.01 around the mean."""
    shift = 0.01 if seed else -0.01
    return {
        "accuracy": 0.8 + i / 100 + shift - loss, "ece": 0.2 - i / 100 + shift + loss,
        "f1": 0.5 + i / 100, "mse": 0.2 - i / 100 + shift + loss, "nll": 1.0 - i / 10 + loss,
    }  # fmt: skip


def run_rows(dataset: str, i: int, seed: int) -> list[dict[str, Any]]:
    category, n_inputs, n_exits = CONFIGURATIONS[i]
    base = {
        "run_id": f"{dataset}-{i}-{seed}", "config_id": f"{dataset}-{i}", "dataset": dataset,
        "task": TASKS[dataset], "category": category, "seed": seed, "depth": 3,
        "n_inputs": n_inputs, "n_exits": n_exits, "flops": 1e6 * 2**i, "params": 3e5 + 1e4 * i,
        "corruption": np.nan, "severity": np.nan,
    }  # fmt: skip
    rows = [
        base | {"split": split} | quality(i, seed, loss)
        for split, loss in (("val", 0.0), ("test", 0.02), ("ood", 0.3))
    ]
    for c, corruption in enumerate(CORRUPTIONS):
        for severity in range(1, 6):
            row = {"split": "corruption", "corruption": corruption, "severity": severity}
            rows.append(base | row | quality(i, seed, 0.02 + 0.01 * severity * (c + 1)))
    return rows


def depth_rows(dataset: str, i: int, seed: int) -> list[dict[str, Any]]:
    """Theta goes from uniform to (0.2, 0.3, 0.5), moved by 0.1 between inputs and 0.02 by seeds."""
    category, n_inputs, n_exits = CONFIGURATIONS[i]
    if np.isnan(n_inputs):
        return []
    rows = []
    for epoch, progress in enumerate((0.0, 0.5, 1.0)):
        for n in range(int(n_inputs)):
            end = np.array([0.2, 0.3, 0.5]) + np.array([-1, 0, 1]) * (0.1 * n + 0.02 * seed)
            theta = (1 - progress) / 3 + progress * end
            rows += [
                {
                    "run_id": f"{dataset}-{i}-{seed}", "config_id": f"{dataset}-{i}",
                    "dataset": dataset, "category": category, "seed": seed, "n_inputs": n_inputs,
                    "n_exits": n_exits, "depth": 3, "epoch": epoch, "progress": progress,
                    "input": n, "exit": d + 1, "theta": theta[d],
                }
                for d in range(3)
            ]  # fmt: skip
    return rows


def make_study(datasets: Sequence[str] = ("digits", "retina")) -> Frames:
    keys = [(d, i, seed) for d in datasets for i in range(len(CONFIGURATIONS)) for seed in SEEDS]
    return frames(
        runs=pd.DataFrame([row for key in keys for row in run_rows(*key)]),
        depth=pd.DataFrame([row for key in keys for row in depth_rows(*key)]),
    )


@pytest.fixture(scope="module")
def study() -> Frames:
    return make_study()


@pytest.fixture(scope="module")
def digits() -> pd.DataFrame:
    return make_study(["digits"]).runs


def xy(line: Any) -> npt.NDArray[np.float64]:
    return np.asarray(line.get_xydata(), dtype=float)


def segments(bars: Any) -> list[npt.NDArray[np.float64]]:
    return list(bars.get_segments())


def is_filled(patch: Any) -> bool:
    return bool(patch.get_facecolor()[3] > 0)


def legend_labels(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def markers(axes: Axes) -> list[tuple[float, float, Line2D]]:
    """Every single marker in the axes: x, y and the line it belongs to."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", "none", "")]
    return [(x, y, line) for line in lines for x, y in xy(line)]


def texts(axes: Axes) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text() for text in axes.texts}


# --- pareto -------------------------------------------------------------------------------------


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


# --- heatmap ------------------------------------------------------------------------------------


def test_heatmap_cells_by_hand(digits: pd.DataFrame) -> None:
    ((stem, figure),) = heatmap.figures(frames(digits))
    assert stem == "heatmap_digits"
    accuracy, ece = figure.axes[:2]
    # Configurations 4..9 are SE, EE, MIMO, MIMMO, I/B, I/B: accuracy 0.78 + i / 100 on test.
    assert texts(accuracy) == {
        (1, 1): "0.820\n(2)", (1, 2): "0.830\n(2)", (2, 1): "0.840\n(2)",
        (2, 3): "0.850\n(2)", (2, 2): "0.865\n(4)",
    }  # fmt: skip
    assert texts(ece)[2, 2] == "0.135\n(4)"
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("Inputs N", "Active exits K")
    assert [axes.get_ylabel() for axes in figure.axes[2:]] == ["Accuracy ↑", "ECE ↓"]
    assert list(accuracy.get_xticks()) == [1, 2, 3, 4]
    assert list(accuracy.get_yticks()) == [1, 2, 3]


def test_heatmap_leaves_missing_cells_white(digits: pd.DataFrame) -> None:
    axes = heatmap.draw(_sae(digits)).axes[0]
    filled = [patch for patch in axes.patches if is_filled(patch)]
    assert len(filled) == len(axes.texts) == 5
    centres = {(round(p.get_center()[0]), round(p.get_center()[1])) for p in filled}  # type: ignore[attr-defined]
    assert (1, 3) not in centres
    assert (3, 1) not in centres
    assert to_hex(axes.get_facecolor()) == "#ffffff"


@pytest.mark.parametrize(("metric", "best"), [("accuracy", (2, 3)), ("ece", (1, 1))])
def test_heatmap_hatches_the_best_cell(
    digits: pd.DataFrame, metric: str, best: tuple[int, int]
) -> None:
    runs = _sae(digits)
    runs.loc[runs["category"] == "MIMMO", ["accuracy", "ece"]] = (0.99, 0.5)
    runs.loc[runs["category"] == "SE NN", ["accuracy", "ece"]] = (0.10, 0.001)
    axes = heatmap.draw(runs, (metric, "nll")).axes[0]
    (patch,) = [patch for patch in axes.patches if patch.get_hatch()]
    np.testing.assert_allclose(patch.get_center(), best)  # type: ignore[attr-defined]


def test_heatmap_regions() -> None:
    assert heatmap.regions(4, 4) == {
        "SE NN": (1, 1, 1, 1), "EE": (1, 1, 2, 4), "MIMO": (2, 4, 1, 1), "MIMMO": (2, 4, 4, 4),
        "I/B": (2, 4, 2, 3),
    }  # fmt: skip
    assert heatmap.regions(3, 2) == {
        "SE NN": (1, 1, 1, 1), "EE": (1, 1, 2, 2), "MIMO": (2, 3, 1, 1), "MIMMO": (2, 3, 2, 2),
    }  # fmt: skip
    assert heatmap.regions(4, 1) == {"SE NN": (1, 1, 1, 1), "MIMO": (2, 4, 1, 1)}


def test_heatmap_outlines_every_cell_once(digits: pd.DataFrame) -> None:
    figure = heatmap.draw(_sae(digits))
    outlines = [patch for patch in figure.axes[0].patches if not is_filled(patch)]
    for n in range(1, 5):
        for k in range(1, 4):
            around = [o for o in outlines if o.get_bbox().contains(n, k)]  # type: ignore[attr-defined]
            assert len(around) == 1, (n, k)
    assert legend_labels(figure) == ["SE NN", "EE", "MIMO", "MIMMO", "I/B", "best cell"]


def test_heatmap_survives_infinite_values(digits: pd.DataFrame) -> None:
    runs = _sae(digits).assign(nll=np.inf)
    figure = heatmap.draw(runs, ("accuracy", "nll"))
    assert texts(figure.axes[1])[1, 1] == "inf\n(2)"
    assert not any(patch.get_hatch() for patch in figure.axes[1].patches)
    assert style.render(figure, "png")


def _sae(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[(runs["split"] == "test") & runs["n_inputs"].notna()].copy()


# --- depth --------------------------------------------------------------------------------------


def test_depth_lines_by_hand(study: Frames) -> None:
    drawn = dict(depth.figures(study))
    assert list(drawn) == ["depth_digits_D3", "depth_retina_D3"]
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
    assert stems == ["depth_digits_D2", "depth_digits_D3", "depth_retina_D3"]
    with pytest.raises(ValueError, match="one D a figure"):
        depth.draw(mixed)


# --- ood ----------------------------------------------------------------------------------------


def test_ood_lines_by_hand(digits: pd.DataFrame) -> None:
    drawn = dict(ood.figures(frames(digits)))
    assert list(drawn) == ["ood_digits_accuracy", "ood_digits_ece"]
    figure = drawn["ood_digits_accuracy"]
    mean, blur, noise = figure.axes
    looks = style.category_styles(CATEGORIES)
    # Of the two I/B configurations, 9 has the lower validation NLL: 0.89 on validation.
    for axes, step in ((mean, 0.015), (blur, 0.01), (noise, 0.02)):
        (line,) = [line for line in axes.lines if line.get_color() == looks["I/B"].color]
        expected = [[s, 0.89 - 0.02 - step * s] for s in range(6)]
        np.testing.assert_allclose(xy(line), expected)
    test = digits[(digits["split"] == "test") & (digits["config_id"] == "digits-0")]
    (standard,) = [line for line in mean.lines if line.get_color() == looks["Standard NN"].color]
    assert xy(standard)[0, 1] == pytest.approx(test["accuracy"].mean())
    assert [axes.get_title() for axes in figure.axes] == [
        "digits: mean of 2 corruptions", "blur", "noise",
    ]  # fmt: skip
    assert (mean.get_xlabel(), mean.get_ylabel()) == ("Severity (0: clean test set)", "Accuracy ↑")
    assert legend_labels(figure) == list(CATEGORIES)


def test_ood_band_is_the_spread_over_seeds(digits: pd.DataFrame) -> None:
    figure = ood.draw(digits, style.category_styles(CATEGORIES), "accuracy")
    band = np.asarray(figure.axes[0].collections[0].get_paths()[0].vertices)
    at_start = band[band[:, 0] == 0][:, 1]
    assert at_start.max() - at_start.min() == pytest.approx(0.02)  # 0.01 on either side


def test_ood_selects_on_validation_alone(digits: pd.DataFrame) -> None:
    runs = digits.copy()
    runs.loc[(runs["config_id"] == "digits-8") & (runs["split"] != "val"), "nll"] = -9.0
    assert ood.best_configurations(runs)["I/B"] == "digits-9"
    runs.loc[(runs["config_id"] == "digits-8") & (runs["split"] == "val"), "nll"] = -9.0
    assert ood.best_configurations(runs)["I/B"] == "digits-8"


# --- style --------------------------------------------------------------------------------------


def test_categories_are_told_apart() -> None:
    looks = style.category_styles([*CATEGORIES, "New B", "New A"])
    assert list(looks) == [*CATEGORIES, "New A", "New B"]
    assert len({look.marker for look in looks.values()}) == 11
    assert len({look.color for look in looks.values()}) == 11
    assert style.category_styles(["New B", "New A"])["New A"] == looks["New A"]


def test_unknown_category_is_drawn(digits: pd.DataFrame) -> None:
    runs = digits.replace({"category": {"MC Dropout": "Packed Ensemble"}})
    ((_, figure),) = pareto.figures(frames(runs))
    assert "Packed Ensemble" in legend_labels(figure)
    look = style.category_styles(["Packed Ensemble"])["Packed Ensemble"]
    drawn = [line for *_, line in markers(figure.axes[0]) if line.get_color() == look.color]
    assert [line.get_marker() for line in drawn] == [look.marker]


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
    looks = style.category_styles(CATEGORIES)
    first = style.render(pareto.draw(digits, looks), file_format)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # What else could put a date in.
    second = style.render(pareto.draw(digits, looks), file_format)
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
    style.scale_axis(axes, "y", [*values, np.nan, np.inf])
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", scale)


def test_large_numbers_have_unit_prefixes() -> None:
    axes = Figure().subplots()
    style.scale_axis(axes, "x", [1e5, 3e7])
    assert axes.xaxis.get_major_formatter()(2e6).replace(" ", "") == "2M"


# --- package and command line -------------------------------------------------------------------


def _fails(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr


def test_never_imports_torch() -> None:
    code = (
        "import sys; from bench.figures import load, names; import bench.figures.__main__\n"
        "[load(name) for name in names()]\n"
        "assert 'pandas' in sys.modules and 'torch' not in sys.modules"
    )
    assert _fails(code) == ""


def test_help_is_light() -> None:
    code = (
        "import sys; from bench.figures.__main__ import main\n"
        "try: main(['-h'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'numpy', 'pandas', 'matplotlib', 'torch'} & set(sys.modules)"
    )
    assert _fails(code) == ""


def test_discovery() -> None:
    assert {"pareto", "heatmap", "depth", "ood"} <= set(names())
    assert not {"style", "__main__", "__init__"} & set(names())
    with pytest.raises(ValueError, match=r"'style'.*pareto"):
        load("style")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder, with the loading of records replaced by the small study."""
    monkeypatch.setattr("bench.frames.load_frames", lambda _: make_study(["digits"]))
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_main_writes_the_named_figures(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plots = tmp_path / "new" / "plots"
    caplog.set_level("INFO", logger="bench")
    assert main(["pareto", "--results", str(results), "--plots", str(plots)]) == 0
    files = ["pareto_digits.pdf", "pareto_digits.png"]
    assert sorted(path.name for path in plots.iterdir()) == files
    assert sorted(Path(m).name for m in caplog.messages) == files
    assert (plots / "pareto_digits.png").read_bytes().startswith(b"\x89PNG")
    assert (plots / "pareto_digits.pdf").read_bytes().startswith(b"%PDF")


def test_main_rejects_unknown_names(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plots = tmp_path / "plots"
    assert main(["pareto", "pie", "--results", str(results), "--plots", str(plots)]) == 2
    (message,) = caplog.messages
    assert "'pie'" in message
    assert "pareto" in message
    assert not plots.exists()


def test_main_without_records_says_what_to_run(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = frames(pd.DataFrame())
    monkeypatch.setattr("bench.frames.load_frames", lambda _: empty)
    for folder in (results, tmp_path / "absent"):
        caplog.clear()
        assert main(["--results", str(folder), "--plots", str(tmp_path / "plots")]) == 2
        (message,) = caplog.messages
        assert "python -m bench.compare" in message
    assert not (tmp_path / "plots").exists()


def test_a_failed_write_leaves_nothing(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        main(["heatmap", "--results", str(results), "--plots", str(tmp_path / "plots")])
    assert list((tmp_path / "plots").iterdir()) == []


def test_nothing_to_show_is_said(study: Frames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    baselines = study.runs[study.runs["n_inputs"].isna() & (study.runs["split"] == "val")]
    nothing = frames(baselines)
    for name in ("pareto", "heatmap", "depth", "ood"):
        caplog.clear()
        assert list(load(name)(nothing)) == []
        assert f"{name}: nothing to show" in caplog.text
