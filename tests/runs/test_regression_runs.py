"""Regression from one's own file to metrics, tables and figures, for every method."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from narrowed import number, on_test

from bench import figures
from bench.data.dataset import Split
from bench.data.row import DatasetRow
from bench.data.table import find
from bench.metrics.table import keys_for
from bench.records.frames import load_frames
from bench.records.schema import FileName, FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.loaded import load_dataset
from bench.runs.run import build, run_one
from bench.shift.table import corrupt
from bench.training.inputs import Inputs, Normalise
from bench.training.predict import predict
from runs.oracles import arrays_of
from runs.own_files import SIZES, TARGET_RANGE, values_npz
from runs.tiny_runs import FEW_CORRUPTIONS, Cli, config, folder_bytes
from runs.value_oracles import bounded, value_scores

CPU = torch.device("cpu")
Ran = tuple[RunConfig, FinishedRun, dict[FileName, bytes]]
Values = Callable[[str], Ran]

CHOICES: dict[str, dict[str, Any]] = {
    "standard": {},
    "ensemble": {"n_members": 2},
    "mc_dropout": {"rate": 0.3},
    "batch_ensemble": {"n_members": 2},
    "sae": {"n_inputs": 2, "n_exits": 2},
}
N_MEMBERS = {"standard": 1, "ensemble": 2, "mc_dropout": 4, "batch_ensemble": 2, "sae": 4}
each_method = pytest.mark.parametrize("method", CHOICES)


@pytest.fixture(scope="session")
def row(tmp_path_factory: pytest.TempPathFactory) -> DatasetRow:
    return find(values_npz(tmp_path_factory.mktemp("own") / "ages.npz"), task="regression")


@pytest.fixture(scope="session")
def values(row: DatasetRow, cache: Path) -> Values:
    """Run a method on the regression data; once."""
    known: dict[str, Ran] = {}

    def run(method: str) -> Ran:
        if method not in known:
            training = {"epochs": 3, "batch_size": 16}
            chosen = config(method, training=training, **CHOICES[method])
            chosen = dataclasses.replace(chosen, dataset=row.name)
            record, files = run_one(chosen, data=None, cache=cache, device=CPU, row=row)
            known[method] = chosen, record, files
        return known[method]

    return run


@each_method
def test_the_record_says_what_was_scaled(values: Values, row: DatasetRow, method: str) -> None:
    _, record, files = values(method)
    facts, arrays = record.dataset, arrays_of(files)
    assert (facts.name, facts.task, facts.n_classes) == (row.name, "regression", 0)
    assert (facts.sizes, facts.shift_images) == (SIZES, SIZES["test"])
    assert facts.target_range == TARGET_RANGE
    # From 15..65 as 20..60 is to 0..1.
    expected = np.linspace(-0.125, 1.125, SIZES["test"])
    assert arrays["test/y"] == pytest.approx(expected, abs=1e-6)
    assert arrays["ood/y"] == pytest.approx(expected, abs=1e-6)
    assert arrays["test/members"].shape == (SIZES["test"], N_MEMBERS[method], 2)
    losses = [number(entry.parts[0].train_loss) for entry in record.history]
    assert losses[-1] < losses[0]


@each_method
def test_metrics_are_those_of_the_stored_predictions(values: Values, method: str) -> None:
    _, record, files = values(method)
    arrays = arrays_of(files)
    for split in ("val", "test"):
        expected = value_scores(
            arrays[f"{split}/members"], arrays["weights"], arrays[f"{split}/y"],
            record.temperature,
        )  # fmt: skip
        assert set(expected) == set(keys_for("regression"))
        assert getattr(record.metrics, split) == pytest.approx(expected, abs=1e-6, rel=1e-6)


@each_method
def test_the_temperature_is_the_mean_squared_residual_of_validation(
    values: Values, method: str
) -> None:
    _, record, files = values(method)
    arrays = arrays_of(files)

    def nll(temperature: float) -> float:
        return value_scores(
            arrays["val/members"], arrays["weights"], arrays["val/y"], temperature
        )["nll_ts"]  # fmt: skip

    best = nll(record.temperature)
    assert best < min(nll(record.temperature * factor) for factor in (0.9, 0.99, 1.01, 1.1))
    assert record.metrics.val["nll_ts"] == pytest.approx(best, abs=1e-6)


@each_method
def test_metrics_under_corruption_are_those_of_the_stored_weights(
    values: Values, row: DatasetRow, method: str
) -> None:
    # The members' numbers too, on images corrupted here and now.
    chosen, record, files = values(method)
    dataset = load_dataset(row, None)
    full = build(chosen, dataset)
    full.load_state_dict(safetensors.torch.load(files["weights.safetensors"]))
    full.eval()
    for name, severity in ((FEW_CORRUPTIONS[0], 5), (FEW_CORRUPTIONS[1], 3)):
        images = corrupt(dataset.test.images_BHWQ, name=name, severity=severity, key=row.name)
        inputs = Inputs.of(Split(images_BHWQ=images, y_B=dataset.test.y_B), CPU)
        outputs_BMC = predict(
            full, inputs.images_BQHW, Normalise(dataset, CPU),
            seed=chosen.seed, purpose=f"{name}/{severity}",
        ).numpy()  # fmt: skip
        expected = value_scores(
            bounded(outputs_BMC), arrays_of(files)["weights"], dataset.test.y_B,
            record.temperature,
        )  # fmt: skip
        found = record.metrics.corruptions[name][severity]
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_command_line_summarises_and_draws_all_methods(
    cli: Cli, values: Values, row: DatasetRow, results: Path
) -> None:
    settings = ["epochs=3", "batch_size=16", "n_members=2", "adapters=all", "rate=0.3",
                "n_inputs=2", "n_exits=2"]  # fmt: skip
    code, out, err = cli(
        "--datasets", row.source, "--task", "regression", *(f"--set={text}" for text in settings),
        methods=",".join(CHOICES),
    )  # fmt: skip
    assert code == 0, err
    assert f"## {row.name} (5 configurations, 5 runs)" in out
    header = next(line for line in out.splitlines() if line.startswith("| Method"))
    for name in ("MSE", "MAE", "Coverage error", "OOD MSE", "OOD NLL", "OOD Coverage error"):
        assert f" {name} " in header
    for absent in ("Accuracy", "ECE"):
        assert absent not in header

    summary = {(row["run_id"], row["split"]): row
               for row in pd.read_csv(results / "summary.csv").to_dict("records")}  # fmt: skip
    for method in CHOICES:
        chosen, record, files = values(method)
        # The same bits as by run_one, and the table has them.
        assert folder_bytes(Store(results).folder(chosen.run_id)) == files
        test, ood = (summary[chosen.run_id, split] for split in ("test", "ood"))
        for metric, value in on_test(record).items():
            assert test[metric] == pytest.approx(value, rel=1e-12)
            sets = [number(by_severity[s][metric]) for by_severity in
                    record.metrics.corruptions.values() for s in by_severity]  # fmt: skip
            assert len(sets) == 10
            assert ood[metric] == pytest.approx(np.mean(sets), rel=1e-9)
    best = min(number(on_test(values(method)[1])["mse"]) for method in CHOICES)
    assert f"{best:.3f} *" in out

    frames = load_frames(results)
    assert sorted(stem for name in figures.names() for stem, _ in figures.load(name)(frames)) == [
        f"budget_{row.name}", f"budget_{row.name}_params", f"cost_parts_{row.name}",
        "depth", f"depth_{row.name}_D2", f"diversity_{row.name}",
        f"heatmap_{row.name}", "improvement", f"ood_{row.name}_mse",
        f"ood_{row.name}_nll", f"pareto_{row.name}", "ranks",
        f"reliability_{row.name}",
    ]  # fmt: skip
