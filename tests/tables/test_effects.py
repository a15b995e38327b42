"""Effects of settings as a matrix of text."""

import pandas as pd
import pytest

from bench.records.frames import Frames
from bench.tables import effects
from bench.tables.effects import tables
from tables.hand_made import frames, rows

NAN = float("nan")
COLUMNS = [
    "dataset", "setting", "metric", "rho", "low", "high", "n", "importance", "p_holm", "null", "r2",
]  # fmt: skip
ROWS = [
    ["toy", "width", "accuracy", 0.5, 0.25, 0.75, 12, 0.625, 0.01, 0.2, 0.4],
    ["toy", "n_inputs", "accuracy", -0.123, -0.456, 0.2, 12, 0.25, 0.9, 0.3, 0.4],
    ["toy", "n_inputs", "ece", NAN, NAN, NAN, 12, NAN, NAN, NAN, NAN],
    ["toy", "n_inputs", "auroc", 0.1, 0.0, 0.2, 12, 0.1, 0.9, 0.2, 0.4],
    ["toy", "n_inputs", "flops", 1.0, 1.0, 1.0, 12, 0.9, 0.01, 0.2, -0.1],
    ["toy", "depth_learning_rate", "accuracy", 0.0, -0.1, 0.1, 12, 0.0, 1.0, 0.2, 0.4],
]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Frames:
    monkeypatch.setattr(effects, "effects", lambda _: pd.DataFrame(ROWS, columns=COLUMNS))
    return frames(rows("a", "EE", val={}, test={}))


def test_the_correlations_by_hand(study: Frames) -> None:
    table, _ = tables(study)
    assert table.stem == "effects_toy"
    assert table.caption.startswith("toy, 12 SAE configurations")
    # Objectives and costs alone; N before the width, settings without a letter last.
    assert table.cells.to_dict("records") == [
        {
            "Setting": "N", "Accuracy, higher is better": "-0.12 [-0.46, 0.20]",
            "ECE, lower is better": "-", "FLOPs": "1.00 [1.00, 1.00] *",
        },
        {
            "Setting": "W", "Accuracy, higher is better": "0.50 [0.25, 0.75] *",
            "ECE, lower is better": "-", "FLOPs": "-",
        },
        {
            "Setting": "depth_learning_rate", "Accuracy, higher is better": "0.00 [-0.10, 0.10]",
            "ECE, lower is better": "-", "FLOPs": "-",
        },
    ]  # fmt: skip
    assert len(table.numbers) == len(ROWS)  # the CSV has all metrics


def test_the_importances_by_hand(study: Frames) -> None:
    _, table = tables(study)
    assert table.stem == "importances_toy"
    # A star is more than permuted metrics have, of a forest that predicts; the last row is R2.
    accuracy = table.cells["Accuracy, higher is better"].tolist()
    assert accuracy == ["0.25", "0.62 *", "0.00", "0.40"]
    assert table.cells["FLOPs"].tolist() == ["0.90", "-", "-", "-0.10"]
    assert table.cells["Setting"].iloc[-1] == "R2"


def test_too_few_configurations_have_no_importances(
    study: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = pd.DataFrame(ROWS, columns=COLUMNS).assign(importance=float("nan"))
    monkeypatch.setattr(effects, "effects", lambda _: few)
    assert [table.stem for table in tables(study)] == ["effects_toy"]


def test_nothing_varied_is_no_table(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(effects, "effects", lambda _: pd.DataFrame(columns=COLUMNS))
    caplog.set_level("INFO")
    assert list(tables(frames(rows("a", "EE", val={}, test={})))) == []
    assert "no setting of SAE varies" in caplog.text
