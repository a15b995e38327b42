"""A wrong export is found: the check is given what a fault would make of the predictions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from narrowed import on_test

from bench.deploy.export.check import Differs, Outputs, agreement, difference, outputs_on_test
from bench.deploy.export.exported import Exported, default_masks, masks_shape
from bench.deploy.export.runtimes import Run, torch_run
from bench.deploy.export.trained import Trained

Load = Callable[[str], Trained]
METHODS = ("standard", "ensemble", "mc_dropout", "batch_ensemble", "sae")


def outputs_of(trained: Trained, *, redraw: bool = True) -> Outputs:
    runs = {"net": torch_run(Exported.of(trained, trained.method.deployed()))}
    return outputs_on_test(trained, runs, redraw=redraw)["net"]


@pytest.mark.parametrize("name", METHODS)
def test_the_deployed_network_agrees_with_the_record(
    name: str, trained: Load, results: Path
) -> None:
    one = trained(name)
    found = agreement(one, results, outputs_of(one), "net")
    assert found.n_images == len(one.dataset.test.y_B)
    assert found.largest_difference < 1e-5
    assert {"accuracy", "nll", "ece", "ece_ts"} <= set(found.metrics)
    assert not {"disagreement", "mutual_information"} & set(found.metrics), "they read members"


def test_one_wrong_prediction_is_found(trained: Load, results: Path) -> None:
    one = trained("sae")
    outputs = {name: values.copy() for name, values in outputs_of(one).items()}
    outputs["probabilities"][17, 3] += 3e-5
    with pytest.raises(Differs, match="net: predictions differ from the recorded ones by 3e-05"):
        agreement(one, results, outputs, "net")


def test_other_rows_or_none_are_found(trained: Load, results: Path) -> None:
    one = trained("sae")
    outputs = outputs_of(one)
    changes: list[Callable[[Any], Any]] = [
        lambda v: v[:-1],
        lambda v: v[::-1].copy(),
        lambda v: v * np.nan,
    ]
    for change in changes:
        with pytest.raises(Differs, match="predictions differ"):
            agreement(one, results, {k: change(v) for k, v in outputs.items()}, "net")


def test_other_metrics_are_found(trained: Load, results: Path) -> None:
    one = trained("sae")
    metrics = one.record.metrics
    record = replace(one.record, metrics=replace(metrics, test={**on_test(one.record), "nll": 9.0}))
    other = Trained(
        record=record, method=one.method, dataset=one.dataset, row=one.row, normalise=one.normalise
    )
    with pytest.raises(Differs, match=r"net: nll is .*, in the record 9\.0"):
        agreement(other, results, outputs_of(one), "net")


def test_other_masks_are_other_predictions(trained: Load, results: Path) -> None:
    """So that a check which would not give back the run's own masks could not pass."""
    one = trained("mc_dropout")
    run = torch_run(Exported.of(one, one.method.deployed()))
    shape = masks_shape(one.method.deployed(), one.shape)
    assert shape is not None
    masks = default_masks(*shape, 0.1)
    runs: dict[str, Run] = {"net": lambda images, _keep: run(images, masks)}
    outputs = outputs_on_test(one, runs, redraw=True)["net"]
    with pytest.raises(Differs, match="predictions differ"):
        agreement(one, results, outputs, "net")


@pytest.mark.parametrize(
    ("found", "expected", "apart"),
    [
        ([0.5, 1.0], [0.5, 0.75], 0.25),
        ([-20.0], [-10.0], 1.0),  # relative above 1
        ([-np.inf], [-np.inf], 0.0),
        ([-np.inf], [-1.0], np.inf),
        ([1.0], [[1.0]], np.inf),
    ],
)
def test_difference(found: list[float], expected: list[float], apart: float) -> None:
    assert difference(np.array(found), np.array(expected)) == apart


def test_not_a_number_differs_from_all() -> None:
    assert np.isnan(difference(np.array([np.nan]), np.array([1.0])))
