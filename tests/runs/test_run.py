"""One run: its record against independent computations from the files beside it."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.torch
import torch
from narrowed import on_test
from scipy.special import log_softmax, logsumexp, softmax

from bench.data.dataset import Dataset, Split
from bench.metrics.table import evaluate, fit_temperature, keys_for
from bench.records.schema import FORMAT, finite
from bench.records.store import Store
from bench.runs import run as run_module
from bench.runs.config import RunConfig
from bench.runs.facts import temperature_flags
from bench.runs.loaded import load_dataset
from bench.runs.run import build, run_one
from bench.statistics.predictions import shifted, stored
from bench.training.inputs import Inputs, Normalise
from bench.training.predict import predict
from runs.oracles import arrays_of, mixture, scores
from runs.tiny_runs import FEW_CORRUPTIONS, Run, config

CPU = torch.device("cpu")

# Every method; SAE also with parts that its deployed network drops.
CHOICES: list[tuple[str, dict[str, Any]]] = [
    ("standard", {}),
    ("ensemble", {"n_members": 2}),
    ("mc_dropout", {"rate": 0.3}),
    ("batch_ensemble", {"n_members": 2}),
    ("sae", {"n_inputs": 2, "n_exits": 2, "depth": 3}),
    ("sae", {"n_inputs": 3, "n_exits": 1, "depth": 3}),
]
N_MEMBERS = [1, 2, 4, 2, 4, 3]
each_method = pytest.mark.parametrize(
    ("method", "options"), CHOICES, ids=[f"{m}-{len(o)}-{i}" for i, (m, o) in enumerate(CHOICES)]
)


@each_method
def test_a_record_says_what_was_run_on_what(run: Run, method: str, options: dict[str, Any]) -> None:
    record, files = run(method, **options)
    chosen = config(method, **options)
    assert (record.format, record.status, record.stage) == (FORMAT, "done", "final")
    assert (record.run_id, record.config_id) == (chosen.run_id, chosen.config_id)
    assert RunConfig.recorded(record.config) == chosen
    digits = load_dataset("digits", None)
    facts = msgspec.to_builtins(record.dataset)
    # What the corrupted images were made by: versions, of which numpy's is one.
    assert f"numpy {np.__version__}" in facts.pop("corruptions")
    assert facts == {
        "name": "digits", "task": "classification", "n_classes": 10, "shape": (8, 8, 1),
        "sizes": {"train": 1077, "val": 360, "test": 360}, "fingerprint": digits.fingerprint,
        "shift_images": 360, "target_range": None, "augment": "none",
        "class_names": list("0123456789"), "drop_duplicates": False, "resize": None,
        "duplicates": dict.fromkeys(
            [f"{pair}{end}" for pair in ("train_val", "train_test", "val_test")
             for end in ("", "_other_label")], 0
        ),
        # One epoch often leaves the temperature at its bound.
        "flags": temperature_flags(digits, record.temperature),
    }  # fmt: skip
    assert set(files) == {"predictions.npz", "weights.safetensors"}
    assert [epoch.epoch for epoch in record.history] == [0]
    assert torch.__version__.startswith(record.environment.packages["torch"])
    assert all(value >= 0 for value in msgspec.structs.astuple(record.timings))
    assert record.timings.train_s > 0


@each_method
def test_all_metrics_are_there_for_every_split_and_corruption(
    run: Run, method: str, options: dict[str, Any]
) -> None:
    record, _ = run(method, **options)
    keys = set(keys_for("classification"))
    assert set(record.metrics.val) == set(on_test(record)) == keys
    shifted = record.metrics.corruptions
    assert list(shifted) == list(FEW_CORRUPTIONS)
    for by_severity in shifted.values():
        assert list(by_severity) == [1, 2, 3, 4, 5]
        assert all(set(values) == keys for values in by_severity.values())


@each_method
def test_the_metrics_can_be_recomputed_from_the_files_to_the_last_bit(
    run: Run, method: str, options: dict[str, Any], store: Store
) -> None:
    record, files = run(method, **options)
    store.save(record, files)
    run_id, temperature, found = record.run_id, record.temperature, record.metrics
    assert fit_temperature(stored(store.root, run_id, "val")) == temperature
    for split in ("val", "test"):
        again = finite(evaluate(stored(store.root, run_id, split), temperature))
        assert again == getattr(found, split)
    for corruption, severity, predictive in shifted(store.root, run_id):
        again = finite(evaluate(predictive, temperature))
        of_mixtures = {
            key: value
            for key, value in found.corruptions[corruption][severity].items()
            if not keys_for("classification")[key].reads_members
        }
        assert {key: again[key] for key in of_mixtures} == of_mixtures


@pytest.mark.parametrize("index", range(len(CHOICES)))
def test_the_metrics_are_those_of_the_stored_predictions(run: Run, index: int) -> None:
    method, options = CHOICES[index]
    record, files = run(method, **options)
    arrays = arrays_of(files)
    dataset = load_dataset("digits", None)
    assert arrays["test/members"].shape == (360, N_MEMBERS[index], 10)
    for split in ("val", "test"):
        y_B = arrays[f"{split}/y"]
        assert np.array_equal(y_B, dataset.splits[split].y_B)
        p_BC = np.exp(arrays[f"{split}/mixed"].astype(np.float64))
        found = getattr(record.metrics, split)
        assert p_BC == pytest.approx(mixture(arrays, split), abs=1e-6)
        for name, value in scores(p_BC, y_B).items():
            # scikit-learn's log loss scales rows to sum to 1; stored, they do so to 1e-6.
            assert found[name] == pytest.approx(value, abs=1e-6), (split, name)
        scaled_BC = softmax(np.log(p_BC) / record.temperature, axis=1)
        for name in ("nll", "brier", "ece"):
            value = scores(scaled_BC, y_B)[name]
            assert found[f"{name}_ts"] == pytest.approx(value, abs=1e-6), (split, name)


@each_method
def test_the_metrics_under_corruption_are_those_of_the_stored_mixtures(
    run: Run, method: str, options: dict[str, Any]
) -> None:
    record, files = run(method, **options)
    arrays = arrays_of(files)
    for name in FEW_CORRUPTIONS:
        for severity in (1, 5):
            log_p_BC = arrays[f"ood/{name}/{severity}"].astype(np.float64)
            assert logsumexp(log_p_BC, axis=1) == pytest.approx(0, abs=1e-5)
            found = record.metrics.corruptions[name][severity]
            for metric, expected in scores(np.exp(log_p_BC), arrays["test/y"]).items():
                assert found[metric] == pytest.approx(expected, abs=1e-6), (name, metric)


@each_method
def test_the_temperature_is_the_best_on_validation(
    run: Run, method: str, options: dict[str, Any]
) -> None:
    record, files = run(method, **options)
    arrays = arrays_of(files)
    log_p_BC, y_B = arrays["val/mixed"].astype(np.float64), arrays["val/y"]

    def nll(temperature: float) -> float:
        scaled_BC = log_softmax(log_p_BC / temperature, axis=1)
        return float(-scaled_BC[np.arange(len(y_B)), y_B].mean())

    grid = np.exp(np.linspace(-5, 5, 201))
    assert nll(record.temperature) <= min(map(nll, grid)) + 1e-9


@each_method
def test_the_stored_weights_give_the_stored_predictions(
    run: Run, method: str, options: dict[str, Any]
) -> None:
    _, files = run(method, **options)
    chosen, dataset = config(method, **options), load_dataset("digits", None)
    full = build(dataclasses.replace(chosen, seed=chosen.seed), dataset)
    full.load_state_dict(safetensors.torch.load(files["weights.safetensors"]))
    full.eval()
    arrays = arrays_of(files)
    for split in ("val", "test"):
        inputs = Inputs.of(dataset.splits[split], CPU)
        outputs_BMC = predict(
            full, inputs.images_BQHW, Normalise(dataset, CPU), seed=chosen.seed, purpose=split
        )
        # The full network's numbers: the deployed one predicts the same.
        log_p_BMC = log_softmax(outputs_BMC.numpy(), axis=-1)
        assert log_p_BMC == pytest.approx(arrays[f"{split}/members"], abs=1e-5)
    assert full.weights().detach().numpy() == pytest.approx(arrays["weights"], abs=1e-7)
    assert arrays["weights"].sum() == pytest.approx(1, abs=1e-6)


def test_costs_are_those_of_the_deployed_network(run: Run) -> None:
    record, _ = run()
    # Pixels to W, two blocks of a WxW layer, W to 10 classes. The paper has BatchNorm apart:
    # 2 FLOPs and 2 parameters per feature of a block.
    flops = 64 * 8 + 2 * (8 * 8) + 8 * 10
    params = (64 * 8 + 8) + 2 * (8 * 8 + 8) + (8 * 10 + 10)
    expected = {
        "flops": flops, "params": params, "paper_flops": flops + 32, "paper_params": params + 32,
    }  # fmt: skip
    assert {key: getattr(record.cost, key) for key in expected} == expected
    ensemble, _ = run("ensemble", n_members=2)
    assert {key: getattr(ensemble.cost, key) for key in expected} == {
        key: 2 * value for key, value in expected.items()
    }
    for each in (record, ensemble):
        assert sum(each.cost.flops_by_part.values()) == each.cost.flops


def test_the_last_epoch_of_the_history_is_the_validation_of_the_record(run: Run) -> None:
    record, _ = run()
    last = record.history[-1].val
    # Up to rounding: training validates the network as it is trained, the record the fused one.
    assert last == pytest.approx({key: record.metrics.val[key] for key in last}, rel=1e-4)


def test_a_run_repeated_has_the_same_bits(run: Run, cache: Path) -> None:
    first, files = run("mc_dropout", rate=0.3)
    again, same_files = run_one(config("mc_dropout", rate=0.3), data=None, cache=cache, device=CPU)
    assert again.metrics == first.metrics
    assert again.history == first.history
    assert same_files == files


def poisoned(dataset: Dataset) -> Dataset:
    """Other test images and labels."""
    test = Split(images_BHWQ=255 - dataset.test.images_BHWQ, y_B=dataset.test.y_B[::-1].copy())
    return dataclasses.replace(dataset, test=test)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_nothing_but_the_last_look_depends_on_the_test_split(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    options: dict[str, Any] = {"training": {"epochs": 2, "keep": keep}, "n_inputs": 2}
    honest, files = run("sae", **options)
    digits = poisoned(load_dataset("digits", None))
    monkeypatch.setattr(run_module, "load_dataset", lambda *_: digits)
    record, other_files = run_one(
        config("sae", **options), data=None, cache=tmp_path / "cache", device=CPU
    )
    assert record.history == honest.history
    assert record.temperature == honest.temperature
    assert record.metrics.val == honest.metrics.val
    assert other_files["weights.safetensors"] == files["weights.safetensors"]
    # The poison works.
    assert on_test(record)["nll"] != on_test(honest)["nll"]


def test_a_failure_keeps_its_reason() -> None:
    def fail() -> None:
        raise ZeroDivisionError("no luck")

    with pytest.raises(ZeroDivisionError) as raised:
        fail()
    record = run_module.failure(config(), raised.value)
    assert record.status == "failed"
    assert record.run_id == config().run_id
    assert record.error.type == "ZeroDivisionError"
    assert record.error.message == "no luck"
    assert 'raise ZeroDivisionError("no luck")' in record.error.traceback


def test_stochastic_members_draw_by_seed_and_split_alone() -> None:
    dataset = load_dataset("digits", None)
    method = build(config("mc_dropout", rate=0.3), dataset).eval()
    images_BQHW = Inputs.of(dataset.val, CPU).images_BQHW[:8]
    normalise = Normalise(dataset, CPU)

    def outputs(seed: int, purpose: str) -> torch.Tensor:
        return predict(method, images_BQHW, normalise, seed=seed, purpose=purpose)

    before = torch.get_rng_state()
    first = outputs(0, "val")
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(outputs(0, "val"), first)
    assert not torch.equal(outputs(1, "val"), first)
    assert not torch.equal(outputs(0, "test"), first)
