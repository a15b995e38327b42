"""Tiny problems on any backbone, and reading what a network is made of."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from methods.backbones import load_backbone
from methods.core.backbone import Backbone, ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.network import Problem

# The clauses of the methods' contract (method_contract.py) hold on every backbone.
sys.path.append(str(Path(__file__).parents[1] / "methods"))

# Not square, and several channels: an axis that is mistaken for another shows.
SHAPE = ImageShape(3, 8, 12)

MakeProblem = Callable[..., Problem]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # The tensors are tiny: more threads only wait for each other.
    torch.set_num_threads(1)


@pytest.fixture
def make_problem() -> MakeProblem:
    def make(
        backbone: str,
        task: str = "classification",
        *,
        shape: ImageShape = SHAPE,
        n_classes: int = 3,
        **settings: Any,
    ) -> Problem:
        body = load_backbone(backbone).from_dict({"width": 16, "depth": 2} | settings)
        return Problem(shape=shape, likelihood=likelihood_for(task, n_classes), backbone=body)

    return make


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Copy all weights and averages, matched by the order in which the layers are defined."""
    ours, theirs = target.state_dict(), source.state_dict()
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


def stage_features(backbone: Backbone, x_BQHW: torch.Tensor) -> list[torch.Tensor]:
    """The features after every stage."""
    features = backbone.stem(x_BQHW)
    return [features := stage(features) for stage in backbone.stages]


def n_parameters(module: nn.Module) -> int:
    return sum(values.numel() for values in module.parameters())
