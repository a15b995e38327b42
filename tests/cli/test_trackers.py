"""`bench.records log`: what MLflow and TensorBoard read of a run; a missing extra."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_records import finished

from bench.records.__main__ import main
from bench.records.trackers import settings, to_mlflow, to_tensorboard, values

RECORD = finished(
    {
        "config": {
            "method": {"name": "sae", "settings": {"n_inputs": 2}},
            "training": {"epochs": 2},
        },
        "history": [
            {
                "epoch": 0,
                "progress": 0.5,
                "val": {"nll": 2.0, "auroc": None},
                "parts": [
                    {"train_loss": 1.0, "gradient_norms": {}},
                    {"train_loss": 2.0, "gradient_norms": {}},
                ],
                "diagnostics": {"theta": [[0.25, 0.75]]},
            },
            {"epoch": 1, "progress": 1.0, "val": {"nll": 1.5}},
        ],
        "metrics": {
            "val": {"nll": 1.5, "auroc": None},
            "test": {"nll": 1.25, "auroc": None},
            "corruptions": {"blur": {1: {"nll": 2.0}, 2: {"nll": 3.0}}},
        },
    }
)
POINTS = [
    (1, "epoch/train_loss", 1.5),
    (1, "epoch/val/nll", 2.0),
    (1, "epoch/theta/input_1/exit_1", 0.25),
    (1, "epoch/theta/input_1/exit_2", 0.75),
    (2, "epoch/val/nll", 1.5),
    (2, "val/nll", 1.5),
    (2, "test/nll", 1.25),
    (2, "ood/nll", 2.5),
    (2, "cost/flops", 100.0),
    (2, "cost/params", 50.0),
    (2, "cost/train_s", 1.0),
]
SETTINGS = {
    "method": "sae", "category": "Standard NN", "backbone": "fc", "seed": 0,
    "sae.n_inputs": 2, "train.epochs": 2,
}  # fmt: skip


def test_what_is_written_of_a_record() -> None:
    assert list(values(RECORD)) == POINTS
    assert settings(RECORD) == SETTINGS


def test_tensorboard_reads_the_same_and_a_run_is_written_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="extra log")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    assert to_tensorboard([RECORD], tmp_path) == 1
    assert to_tensorboard([RECORD], tmp_path) == 0
    events = EventAccumulator(str(tmp_path / RECORD.run_id)).Reload()
    found = [
        (point.step, name, point.value)
        for name in events.Tags()["scalars"]
        for point in events.Scalars(name)
    ]
    assert sorted(found) == sorted(POINTS)
    (started,) = events.PluginTagToContent("hparams").values()
    read = parse_session_start_info_plugin_data(started).hparams
    assert {
        key: getattr(value, value.WhichOneof("kind")) for key, value in read.items()
    } == SETTINGS


@pytest.mark.filterwarnings("ignore")  # of SQLAlchemy to MLflow
def test_mlflow_has_the_same_and_a_run_is_written_once(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="extra log")
    pytest.importorskip("alembic", reason="extra log")
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("sae-bench digits")
    client.create_run(experiment, run_name=RECORD.run_id)  # of a command that was killed
    assert to_mlflow([RECORD], uri) == 1
    assert to_mlflow([RECORD], uri) == 0
    (run,) = client.search_runs([experiment])
    assert run.data.params == {key: str(value) for key, value in SETTINGS.items()}
    found = [
        (point.step, name, point.value)
        for name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    ]
    assert sorted(found) == sorted(POINTS)


def test_a_target_that_mlflow_refuses_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow", reason="extra log")
    (tmp_path / "runs").mkdir()
    assert main(["log", "mlflow", "--to", "ftp://x", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: MLflow refuses ftp://x: ")


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
