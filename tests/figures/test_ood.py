"""What the figure of severities shows."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.figures import ood, style
from bench.records import search_budget
from bench.records.frames import Frames, load_frames
from bench.statistics.intervals import MEAN
from figures.stored import write_study
from figures.study import CATEGORIES, legend_labels, xy

LOOKS = style.category_styles(CATEGORIES)


def _points(metric: str = "accuracy") -> pd.DataFrame:
    """Category c starts at 0.9 - c / 10 and falls by 0.01 a severity (blur), 0.03 (noise)."""
    rows = [
        {
            "dataset": "digits", "category": category, "corruption": corruption,
            "severity": severity, "metric": metric,
            "estimate": (value := 0.9 - c / 10 - step * severity),
            "low": value - 0.02, "high": value + 0.05,
        }
        for c, category in enumerate(("Standard NN", "I/B"))
        for corruption, step in (("blur", 0.01), ("noise", 0.03), (MEAN, 0.02))
        for severity in reversed(range(6))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_lines_by_hand() -> None:
    figure = ood.draw(_points(), LOOKS, "classification", "accuracy")
    mean, blur, noise = figure.axes
    assert [axes.get_title() for axes in figure.axes] == [
        "digits: mean of 2 corruptions", "blur", "noise",
    ]  # fmt: skip
    for axes, step in ((mean, 0.02), (blur, 0.01), (noise, 0.03)):
        lines = [line for line in axes.lines if line.get_color() == LOOKS["I/B"].color]
        (line,) = lines
        expected = [[s, 0.8 - step * s] for s in range(6)]
        # In the large panel the two categories stand on either side of a severity.
        np.testing.assert_allclose(xy(line) - [0.3 if axes is mean else 0, 0], expected)
    assert (mean.get_xlabel(), mean.get_ylabel()) == ("Severity (0: clean test set)", "Accuracy ↑")
    assert legend_labels(figure) == ["Standard NN", "I/B"]


def test_bars_and_bands_are_the_intervals() -> None:
    mean, blur, _ = ood.draw(_points(), LOOKS, "classification", "accuracy").axes
    bars = np.asarray(mean.collections[0].get_segments())  # type: ignore[attr-defined]
    np.testing.assert_allclose(bars[:, 0, 1], [0.88 - 0.02 * s for s in range(6)])
    np.testing.assert_allclose(bars[:, 1, 1], [0.95 - 0.02 * s for s in range(6)])
    band = np.asarray(blur.collections[0].get_paths()[0].vertices)
    at_start = band[band[:, 0] == 0][:, 1]
    np.testing.assert_allclose([at_start.min(), at_start.max()], [0.88, 0.95])


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(ValueError, match="mse"):
        ood.draw(_points("mse"), LOOKS, "classification", "mse")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    root = write_study(
        tmp_path_factory.mktemp("stored"), datasets=["retina"], categories=["Standard NN", "EE"]
    )
    return load_frames(root)


def test_it_says_what_a_search_has_cost(stored: Frames) -> None:
    row = ("retina", "sae", 2, 0, 1211.0)
    spent = pd.DataFrame([row], columns=list(search_budget.COLUMNS))
    notes = [
        figure.legends[0].get_title().get_text().replace("\n", " ")
        for _, figure in ood.figures(dataclasses.replace(stored, budgets=spent))
    ]
    assert len(notes) >= 2
    assert all("sae 2 (1,211 core-seconds)" in note for note in notes)


def test_what_is_shown_is_what_the_records_say(stored: Frames) -> None:
    chosen = ["0016retina", "0308retina"]
    points = ood.severities(stored, chosen, ("mse",))
    runs = stored.runs[stored.runs["config_id"] == "0016retina"]
    rows = points[points["category"] == "Standard NN"]
    of_standard = rows.set_index(["corruption", "severity"]).to_dict("index")
    shifted = runs[runs["split"] == "corruption"]
    for severity in (1, 2):
        blur = shifted[(shifted["corruption"] == "blur") & (shifted["severity"] == severity)]
        row = of_standard["blur", severity]
        assert row["estimate"] == pytest.approx(blur["mse"].mean())
        mean = of_standard[MEAN, severity]
        assert mean["estimate"] == pytest.approx(
            shifted.loc[shifted["severity"] == severity, "mse"].mean()
        )
        assert mean["low"] < mean["estimate"] < mean["high"]
    for corruption in ("blur", "noise", MEAN):
        clean = of_standard[corruption, 0]["estimate"]
        assert clean == pytest.approx(runs.loc[runs["split"] == "test", "mse"].mean())


def test_only_what_validation_chose_is_shown(stored: Frames, tmp_path: Path) -> None:
    drawn = dict(ood.figures(stored))
    assert sorted(drawn) == ["ood_retina_mse", "ood_retina_nll"]
    val = stored.runs[stored.runs["split"] == "val"].groupby("config_id")["nll"].mean()
    best = val[val.index.str.startswith("00")].idxmin()
    test = stored.runs[(stored.runs["split"] == "test") & (stored.runs["config_id"] == best)]
    line = drawn["ood_retina_mse"].axes[0].lines[0]
    assert xy(line)[0, 1] == pytest.approx(test["mse"].mean())
