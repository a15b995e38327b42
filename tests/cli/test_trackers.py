"""`bench.records log`: what MLflow and TensorBoard have of a run; without them, the extra's name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_records import finished

from bench.inspection.trackers import settings, to_mlflow, to_tensorboard, values
from bench.records.__main__ import main

RECORD = finished(
    {
        "config": {
            "method": {"name": "sae", "settings": {"n_inputs": 2}},
            "training": {"epochs": 2},
        },
        "history": [
            {"epoch": 0, "progress": 0.5, "val": {"nll": 2.0, "auroc": None}},
            {"epoch": 1, "progress": 1.0, "val": {"nll": 1.5}},
        ],
        "metrics": {"val": {"nll": 1.5}, "test": {"nll": 1.25}},
    }
)
POINTS = [
    (0, "epoch/val/nll", 2.0),
    (1, "epoch/val/nll", 1.5),
    (2, "val/nll", 1.5),
    (2, "test/nll", 1.25),
    (2, "cost/flops", 100.0),
    (2, "cost/params", 50.0),
]


def test_what_is_written_of_a_record() -> None:
    assert list(values(RECORD)) == POINTS
    assert settings(RECORD) == {
        "method": "sae", "seed": 0, "sae.n_inputs": 2, "train.epochs": 2,
    }  # fmt: skip


def test_tensorboard_reads_the_same_and_a_run_is_written_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="extra log")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert to_tensorboard([RECORD], tmp_path) == 1
    assert to_tensorboard([RECORD], tmp_path) == 0
    events = EventAccumulator(str(tmp_path / RECORD.run_id)).Reload()
    found = [
        (point.step, name, point.value)
        for name in events.Tags()["scalars"]
        for point in events.Scalars(name)
    ]
    assert sorted(found) == sorted(POINTS)


def test_mlflow_has_the_same_and_a_run_is_written_once(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="extra log")
    uri = (tmp_path / "mlruns").as_uri()
    try:
        assert to_mlflow([RECORD], uri) == 1
    except mlflow.exceptions.MlflowException as error:
        pytest.skip(f"no file store in this version: {error}")
    assert to_mlflow([RECORD], uri) == 0
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("sae-bench digits").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.data.params["sae.n_inputs"] == "2"
    assert run.data.metrics["test/nll"] == 1.25
    history = client.get_metric_history(run.info.run_id, "epoch/val/nll")
    assert [(point.step, point.value) for point in history] == [(0, 2.0), (1, 1.5)]


@pytest.mark.parametrize("tracker", ["mlflow", "tensorboard"])
def test_a_missing_extra_is_one_line(
    tracker: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "runs").mkdir()
    for name in [tracker, *(name for name in sys.modules if name.startswith(f"{tracker}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["log", tracker, "--to", "x", "--results", str(tmp_path)]) == 2
    assert f'this needs {tracker}: pip install "sae-bench[log]"' in capsys.readouterr().err
