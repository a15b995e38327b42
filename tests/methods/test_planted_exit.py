"""A depth distribution that learns: one exit alone learns the targets, and theta finds it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.records.schema import Epoch
from bench.training.inputs import Inputs
from bench.training.loop import TrainingSettings, train
from methods.backbones import backbone_names, load_backbone
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical
from methods.core.network import Problem
from methods.sae import SAE, SAESettings
from perf.depth_evidence import Planted

WIDTHS = {"fc": 16, "vgg": 4, "resnet": 4, "vit": 16}
N_TRAIN = 256
TRAINING = TrainingSettings(epochs=8, batch_size=16, learning_rate=4e-3)  # 128 steps


def halves() -> Inputs:
    """Images of which the left or the right half is the brighter one, and which it is."""
    stream = torch.Generator().manual_seed(0)
    y_B = torch.randint(2, (N_TRAIN,), generator=stream)
    images_BQHW = torch.randint(0, 100, (N_TRAIN, 1, 8, 8), generator=stream, dtype=torch.uint8)
    images_BQHW[y_B == 0, ..., :4] += 100
    images_BQHW[y_B == 1, ..., 4:] += 100
    return Inputs(images_BQHW=images_BQHW, y_B=y_B)


def normalise(images_BQHW: Tensor) -> Tensor:
    return images_BQHW.float() / 64 - 1.5


def trained(backbone: str, **settings: Any) -> tuple[SAE, list[Epoch]]:
    """SAE of three exits, of which the first alone learns the targets, and its history."""
    likelihood = Categorical(2)
    body = load_backbone(backbone)(width=WIDTHS[backbone], depth=3)
    shape = ImageShape(1, 8, 8)
    problem = Problem(shape=shape, likelihood=Planted(likelihood), backbone=body, n_train=N_TRAIN)
    method = SAE(problem, SAESettings(**settings), seed=0)
    return method, train(method, halves(), normalise, TRAINING, lambda _: {"nll": 0.0})


@pytest.mark.parametrize("backbone", backbone_names())
@pytest.mark.parametrize(("n_inputs", "n_exits"), [(2, 1), (1, 3)])
def test_the_exit_that_learns_gets_the_mass(backbone: str, n_inputs: int, n_exits: int) -> None:
    method, history = trained(backbone, n_inputs=n_inputs, n_exits=n_exits)
    for theta_D in history[-1].theta_ND:
        assert theta_D[0] > 0.9
    assert {exit_.depth for exit_ in method.active()[0]} >= {1}
    # Nothing is clipped: the options act as they read.
    clipped = [epoch.parts[0].clipped for epoch in history]
    assert max(max(shares.values()) for shares in clipped) == 0.0


def test_a_kl_as_large_as_the_data_term_holds_theta_at_uniform() -> None:
    """The authors' scale with the paper's alpha: what the defaults are chosen against."""
    method, history = trained("fc", n_inputs=2, n_exits=3, kl_scale="one", alpha_end=1.0)
    last: Any = history[-1].diagnostics
    assert max(theta_D[0] for theta_D in last["theta"]) < 0.9
    # The record names the reason: the objective's own optimum, and the size of the two gradients.
    assert max(optimum_D[0] for optimum_D in last["theta_optimum"]) < 0.9
    assert last["depth_kl_gradient"] > 0.3 * last["depth_data_gradient"]
    assert method.active()[0]


def test_the_ends_of_the_schedules_act_before_the_learning_rate_is_gone() -> None:
    held: tuple[dict[str, float], ...] = (
        {}, {"alpha_end": 1.0}, {"temperature_end": 1.0}, {"alpha_start": 0.0},
    )  # fmt: skip
    histories = [trained("fc", n_exits=2, **settings)[1] for settings in held]
    default, *others = (torch.tensor(h[-1].diagnostics["depth_logits"]) for h in histories)
    for other in others:
        assert (default - other).abs().max() > 0.05 * default.abs().max()
