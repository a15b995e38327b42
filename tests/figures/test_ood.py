"""What the figure of severities shows."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.figures import ood, style
from bench.records import search_budget
from bench.records.frames import Frames, load_frames
from bench.statistics.influence import MEAN
from bench.statistics.intervals import severity_differences
from figures.stored import write_study
from figures.study import CATEGORIES, legend_labels, xy

STYLES = style.category_styles(CATEGORIES)


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


def _gaps() -> pd.DataFrame:
    """I/B minus Standard NN: -0.1 everywhere."""
    points = _points()
    of_one = points[points["category"] == "I/B"]
    return of_one.assign(estimate=-0.1, low=-0.15, high=-0.05)


def test_values_and_differences_by_hand() -> None:
    figure = ood.draw(_points(), _gaps(), STYLES, "classification", "accuracy")
    values, difference = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["digits", "I/B"]
    (line,) = [line for line in values.lines if line.get_color() == STYLES["I/B"].color]
    np.testing.assert_allclose(xy(line), [[s, 0.8 - 0.02 * s] for s in range(6)])
    (line,) = [line for line in difference.lines if line.get_color() == STYLES["I/B"].color]
    np.testing.assert_allclose(xy(line), [[s, -0.1] for s in range(6)])
    band = np.asarray(difference.collections[0].get_paths()[0].vertices)
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [-0.15, -0.05])
    single, *others = difference.lines
    assert len(others) == 2  # the mean, and 0
    interrupted = np.isnan(xy(single)).any(axis=1)
    assert interrupted.sum() == 2  # corruptions
    assert set(map(tuple, xy(single)[~interrupted])) == {(s, -0.1) for s in range(6)}
    assert (values.get_xlabel(), values.get_ylabel()) == (
        "Severity (0: clean test set)", "Accuracy ↑",
    )  # fmt: skip
    assert legend_labels(figure) == ["Standard NN", "I/B"]


def test_without_a_reference_there_are_values_alone() -> None:
    assert len(ood.draw(_points(), pd.DataFrame(), STYLES, "classification", "accuracy").axes) == 1


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(ValueError, match="mse"):
        ood.draw(_points("mse"), _gaps(), STYLES, "classification", "mse")


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


def test_differences_are_those_of_the_records(stored: Frames) -> None:
    gaps = severity_differences(stored, ["0016retina", "0308retina"], "0016retina", ("mse",))
    assert set(gaps["config_id"]) == {"0308retina"}
    by_place = gaps.set_index(["corruption", "severity"])["estimate"]
    runs = stored.runs.set_index("seed")
    for split, place in (("test", (MEAN, 0)), ("test", ("blur", 0))):
        of_split = runs[runs["split"] == split]
        ours, theirs = (of_split.loc[of_split["config_id"] == one, "mse"]
                        for one in ("0308retina", "0016retina"))  # fmt: skip
        assert by_place[place] == pytest.approx((ours - theirs).mean())
    shifted = runs[(runs["corruption"] == "blur") & (runs["severity"] == 2)]
    ours, theirs = (shifted.loc[shifted["config_id"] == one, "mse"]
                    for one in ("0308retina", "0016retina"))  # fmt: skip
    assert by_place["blur", 2] == pytest.approx((ours - theirs).mean())


def test_only_what_validation_chose_is_shown(stored: Frames, tmp_path: Path) -> None:
    drawn = dict(ood.figures(stored))
    assert sorted(drawn) == ["ood_retina_mse", "ood_retina_nll"]
    val = stored.runs[stored.runs["split"] == "val"].groupby("config_id")["nll"].mean()
    best = val[val.index.str.startswith("00")].idxmin()
    test = stored.runs[(stored.runs["split"] == "test") & (stored.runs["config_id"] == best)]
    line = drawn["ood_retina_mse"].axes[0].lines[0]
    assert xy(line)[0, 1] == pytest.approx(test["mse"].mean())
