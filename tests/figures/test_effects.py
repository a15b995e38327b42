"""The heatmap of effects shows the numbers it was given."""

import numpy as np
import pandas as pd
import pytest

from bench.figures import effects
from figures.study import texts, xy

MINUS = "\N{MINUS SIGN}"
NAN = float("nan")
ROWS = [
    ("n_inputs", "accuracy", 0.5, 0.1, 0.8, 0.01, 0.25, 0.2, 0.4),
    ("n_inputs", "brier", 1.0, 1.0, 1.0, 0.01, 1.0, 0.2, 0.4),
    ("alpha_end", "accuracy", -0.004, -0.3, 0.3, 1.0, 0.1, 0.2, 0.4),  # less than chance gives
    ("alpha_end", "ece", NAN, NAN, NAN, NAN, NAN, NAN, NAN),
    ("n_inputs x n_exits", "accuracy", NAN, NAN, NAN, NAN, 0.3, 0.2, 0.4),
    ("new_setting", "ece", -0.25, -0.45, -0.05, 0.2, 0.5, 0.2, -0.1),  # of no forest that predicts
]


@pytest.fixture
def table() -> pd.DataFrame:
    names = [
        "setting", "metric", "rho", "low", "high", "p_holm", "importance", "null", "r2",
    ]  # fmt: skip
    return pd.DataFrame(ROWS, columns=names).assign(dataset="digits", n=12)


def test_numbers_are_those_given(table: pd.DataFrame) -> None:
    axes = effects.draw(table, "classification").axes[0]
    written = {(x, round(y)): [] for x, y in texts(axes)}  # type: ignore[var-annotated]
    for (x, y), text in texts(axes).items():
        written[x, round(y)].append(text)
    # Columns accuracy, Brier score, ECE; rows N, alpha end, then what the figure does not know.
    assert written == {
        (0, 0): [".50", "[.10, .80]"], (1, 0): ["1.00", "[1.00, 1.00]"],
        (0, 1): [".00", f"[{MINUS}.30, .30]"], (2, 3): [f"{MINUS}.25", f"[{MINUS}.45, {MINUS}.05]"],
    }  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "Accuracy ↑", "Brier score ↓", "ECE ↓",
    ]  # fmt: skip
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["N", r"$\alpha$ end", "N x K", "new_setting"]


def test_marks_are_of_the_numbers(table: pd.DataFrame) -> None:
    axes = effects.draw(table, "classification").axes[0]
    # Bold is what the correction leaves.
    bold = {text.get_text() for text in axes.texts if text.get_fontweight() == "bold"}
    assert bold == {".50", "1.00"}
    # Lines are importances beyond chance.
    lines = [line for line in axes.lines if line.get_gid() == "importance"]
    shares = [np.ptp(xy(line)[:, 0]) / 0.8 for line in lines]
    assert shares == pytest.approx([0.25, 1.0, 0.3])
    # Colours grow with rho.
    colours = [np.asarray(patch.get_facecolor()) for patch in axes.patches[:2]]
    assert colours[1][:3].sum() < colours[0][:3].sum()  # rho 1 is darker than rho 0.5
