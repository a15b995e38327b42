"""Every loss computes and draws on the device of its images, and looks at no value: as a GPU needs.

Fake tensors have a device and no values: an operation between two devices, or one whose value is
asked for, is an error. No GPU is needed.
"""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from methods import load_method, method_names
from methods.backbones import backbone_names, load_backbone
from methods.core.backbone import ImageShape
from methods.core.likelihood import Likelihood, likelihood_for
from methods.core.network import Problem
from methods.core.schedule import elapsed_since, linear
from methods.sae import SAE, SAESettings


def problem_of(backbone: str, likelihood: Likelihood) -> Problem:
    settings = load_backbone(backbone).from_dict({})
    shape = ImageShape(channels=1, height=8, width=8)
    return Problem(shape=shape, likelihood=likelihood, backbone=settings, n_train=100)


def on_gpu(value: Tensor) -> Tensor:
    return torch.empty(value.shape, dtype=value.dtype, device="cuda")


def moved(module: nn.Module) -> None:
    """Put fake tensors of a GPU in the place of parameters and buffers."""
    for each in module.modules():
        for name, value in list(each.named_parameters(recurse=False)):
            setattr(each, name, nn.Parameter(on_gpu(value)))
        for name, buffer in list(each.named_buffers(recurse=False)):
            setattr(each, name, on_gpu(buffer))


def gpu_batch(likelihood: Likelihood) -> tuple[Tensor, Tensor, Tensor]:
    """Images, targets and progress."""
    dtype = torch.int64 if likelihood.task == "classification" else torch.float32
    y_B = torch.empty(6, dtype=dtype, device="cuda")
    progress = torch.empty((), dtype=torch.float64, device="cuda")
    return torch.empty(6, 1, 8, 8, device="cuda"), y_B, progress


@pytest.mark.parametrize(
    ("backbone", "task"),
    [*((name, "classification") for name in backbone_names()), ("fc", "regression")],
)
@pytest.mark.parametrize("name", method_names())
def test_losses_stay_on_the_gpu(
    name: str, backbone: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fake tensors lack this operation.
    monkeypatch.setattr(torch, "_sample_dirichlet", torch.empty_like)
    kind, likelihood = load_method(name), likelihood_for(task, 3)
    method = kind(problem_of(backbone, likelihood), kind.settings_type(), seed=0)
    with FakeTensorMode():
        moved(method)
        loss = method.loss(*gpu_batch(likelihood))
    assert loss.device.type == "cuda"
    assert loss.shape == ()


@pytest.mark.parametrize(
    "settings",
    [
        SAESettings(draw="logits", draw_sum="K", n_inputs=3, n_exits=3),
        SAESettings(depth_weights="expected", batch_repetition=2, kl_scale="dataset"),
    ],
)
def test_saes_options_stay_on_the_gpu(settings: SAESettings) -> None:
    likelihood = likelihood_for("classification", 3)
    method = SAE(problem_of("fc", likelihood), settings, seed=0)
    with FakeTensorMode():
        moved(method)
        assert method.loss(*gpu_batch(likelihood)).device.type == "cuda"


def test_a_value_that_is_looked_at_is_an_error_here() -> None:
    with FakeTensorMode():
        progress = torch.empty((), device="cuda")
        with pytest.raises(DataDependentOutputException):
            bool(progress > 0.5)
        with pytest.raises(RuntimeError, match=r"two.* devices"):
            torch.empty(3, device="cuda") + torch.empty(3)


@pytest.mark.parametrize("at", [0.0, 1e-9, 0.3, 0.5, 11 / 12, 0.97, 1.0])
def test_schedules_of_tensors_are_those_of_numbers(at: float) -> None:
    tensor = torch.tensor(at, dtype=torch.float64)
    for start, end in ((1.0, 0.1), (0.0, 0.7), (0.3, 0.3)):
        assert float(linear(start, end, tensor)) == linear(start, end, at)
    assert float(elapsed_since(11 / 12, tensor)) == elapsed_since(11 / 12, at)
