"""One fused call a group is torch's Adam after torch's clip."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bench.training import adam as adam_module
from bench.training.adam import ClippedAdam


@pytest.fixture(autouse=True, params=["private", "public"])
def functions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's private functions, and what stands in for them where a version lacks them."""
    if request.param == "public":
        monkeypatch.setattr(adam_module, "_norms", adam_module._norms_public)
        monkeypatch.setattr(adam_module, "_adam", adam_module._adam_public)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(10, 3))


def grouped(model: nn.Module) -> list[dict[str, Any]]:
    first, *rest = model.parameters()
    return [
        {"params": [first], "weight_decay": 0.01},
        {"params": rest, "weight_decay": 0.0},
    ]


def gradients(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    model.zero_grad()
    loss = model(torch.randn(4, 1, 5, generator=generator)).square().sum()
    loss.backward()


@pytest.mark.parametrize("clip", [0.05, 1e6])
def test_it_is_adam_after_the_clip(clip: float) -> None:
    ours, theirs = network(), network()
    adam = torch.optim.Adam(grouped(theirs), lr=0.01)
    clipped = ClippedAdam([{**group, "clip": clip} for group in grouped(ours)], lr=0.01)
    for step in range(20):
        for options in (*adam.param_groups, *clipped.param_groups):
            options["lr"] = 0.01 / (step + 1)
        gradients(ours, step)
        gradients(theirs, step)
        norms = [nn.utils.clip_grad_norm_(group["params"], clip) for group in adam.param_groups]
        adam.step()
        torch.testing.assert_close(clipped.step(), torch.stack(norms), rtol=1e-5, atol=1e-7)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            # Adam makes much of the last digits of small gradients.
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_parameter_without_a_gradient_sits_the_step_out() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    idle = nn.Parameter(torch.ones(2))
    optimiser = ClippedAdam(
        [{"params": [used, unused], "clip": 1.0}, {"params": [idle], "clip": 1.0}], lr=0.1
    )
    used.grad = torch.tensor([3.0, 4.0])
    norms = optimiser.step()
    assert norms.tolist() == [5.0, 0.0]
    assert torch.equal(unused, torch.ones(2))
    assert torch.equal(idle, torch.ones(2))
    assert used.tolist() == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_seen(bad: float) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimiser = ClippedAdam([{"params": [weight], "clip": 1.0}], lr=0.1)
    weight.grad = torch.tensor([bad, 1.0])
    assert not optimiser.step().isfinite().all()
    assert not weight.isfinite().all()
