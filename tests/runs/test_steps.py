"""Steps whose inputs lie on the device give the numbers of steps that get theirs as numbers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import methods.sae
from bench.data.dataset import Dataset
from bench.records.schema import Epoch
from bench.runs.loaded import load_dataset
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from bench.training.step import TrainingStep
from bench.training.steps import CUDA_GRAPHS, InTurn, OnDevice, Steps, steps_on
from methods import method_names
from methods.core.method import Method
from methods.core.sampling import input_sources
from runs.scripted import CPU, no_validation
from runs.tiny_runs import config

EAGER = partial(OnDevice, capture=False)


@pytest.fixture
def digits() -> Dataset:
    return load_dataset("digits", None)


def trained(
    digits: Dataset, method: str, steps: Callable[[TrainingStep], Steps], **settings: Any
) -> tuple[Method[Any], list[Epoch]]:
    """Two epochs with a short last batch and augmented images."""
    training = {"epochs": 2, "batch_size": 300, "augment": "crop_flip"}
    run = config(method, training=training, **settings)
    built = build(run, digits)
    inputs, normalise = Inputs.of(digits.train, CPU), Normalise(digits, CPU)
    history = train(built, inputs, normalise, run.training, no_validation, steps=steps)
    return built, history


def same_draws(
    n_rows: int, n_inputs: int, share: float | Tensor, device: torch.device | str = "cpu"
) -> Tensor:
    """What the drawing of numbers draws, for tensors too."""
    return input_sources(n_rows, n_inputs, float(share), device)


@pytest.mark.parametrize("name", method_names())
def test_same_numbers(name: str, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods.sae, "input_sources", same_draws)
    one, history = trained(digits, name, InTurn)
    other, there = trained(digits, name, EAGER)
    for key, value in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, rtol=1e-5, atol=1e-6, msg=key)
    for here, elsewhere in zip(history, there, strict=True):
        for a, b in zip(here.parts, elsewhere.parts, strict=True):
            assert b.train_loss == pytest.approx(a.train_loss, rel=1e-5)
            assert b.gradient_norms == pytest.approx(a.gradient_norms, rel=1e-4)
            assert b.clipped == a.clipped
    for key in ("exit_nll", "theta_optimum"):
        ours, theirs = (each[-1].diagnostics.get(key, 0.0) for each in (history, there))
        torch.testing.assert_close(torch.tensor(theirs), torch.tensor(ours), rtol=1e-4, atol=1e-5)


def test_own_draws_train_as_well(digits: Dataset) -> None:
    (one, here), (other, there) = (trained(digits, "sae", each) for each in (InTurn, EAGER))
    assert there[-1].parts[0].train_loss == pytest.approx(here[-1].parts[0].train_loss, rel=0.1)
    assert any(
        not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


class Seen:
    """In the place of a training step."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[int], float, float]] = []

    def __call__(self, rows_B: Tensor, progress: Tensor, cosine: Tensor) -> None:
        self.seen.append((rows_B.tolist(), float(progress), float(cosine)))


def test_epochs_are_read_from_the_tables_in_order() -> None:
    step = Seen()
    steps = OnDevice(step, capture=False)  # type: ignore[arg-type]
    for epoch in range(2):
        rows = [torch.tensor(each) + epoch for each in ([3, 1], [0, 4], [2])]
        steps(rows, [epoch, 0.1, 0.2], [1.0, 0.9, epoch])
    assert step.seen == [
        ([3, 1], 0.0, 1.0), ([0, 4], 0.1, 0.9), ([2], 0.2, 0.0),
        ([4, 2], 1.0, 1.0), ([1, 5], 0.1, 0.9), ([3], 0.2, 1.0),
    ]  # fmt: skip
    assert not steps.captured


@pytest.mark.parametrize("sizes", [[2], [2, 2], [1]])
def test_any_number_of_batches(sizes: Sequence[int]) -> None:
    step = Seen()
    numbers = [0.5] * len(sizes)
    OnDevice(step, capture=False)(  # type: ignore[arg-type]
        [torch.arange(size) for size in sizes], numbers, numbers
    )
    assert [len(rows) for rows, _, _ in step.seen] == sizes


@pytest.mark.parametrize(("value", "captured"), [(None, True), ("1", True), ("0", False)])
def test_a_gpu_captures_unless_told_not_to(
    value: str | None, captured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CUDA_GRAPHS, raising=False)
    if value is not None:
        monkeypatch.setenv(CUDA_GRAPHS, value)
    assert steps_on(CPU) is InTurn
    steps = steps_on(torch.device("cuda"))(Seen())  # type: ignore[arg-type]
    assert isinstance(steps, OnDevice)
    assert steps._wanted is captured
