"""A method whose losses and gradients are known by hand."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.data.dataset import Dataset
from bench.records.schema import Epoch
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import TrainingSettings, train
from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.method import Method, ParameterGroup
from methods.core.network import Problem
from methods.core.schedule import Progress
from methods.standard import Standard, StandardSettings

CPU = torch.device("cpu")
PROBLEM = Problem(
    shape=ImageShape(1, 2, 2),
    likelihood=likelihood_for("classification", 2),
    backbone=FCSettings(width=2, depth=1),
)


class Scripted(Standard[StandardSettings]):
    """Its loss is linear: the gradient is ``slope`` on each entry of two parameters."""

    def __init__(self, slope: float = 1.0, losses: dict[float, float] | None = None) -> None:
        super().__init__(PROBLEM, StandardSettings(), seed=0)
        self.a_4, self.b_4 = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))
        self.slope, self.losses = slope, losses or {}
        self.seen: list[float] = []

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup(name="a", parameters=[self.a_4]),
            ParameterGroup(name="none", parameters=[]),
            ParameterGroup(
                name="b", parameters=[self.b_4], learning_rate=3.0, weight_decay=False, clip=0.5
            ),
        ]

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        assert self.training
        self.seen.append(float(progress))
        return self.slope * (self.a_4.sum() + self.b_4.sum()) + self.losses.get(
            float(progress), 0.0
        )

    def diagnostics(self, progress: float) -> dict[str, Any]:
        return {"told": progress}


def no_validation(method: Method[Any]) -> dict[str, float]:
    assert not method.training
    return {"nll": 0.0}


def train_on(
    method: Method[Any],
    dataset: Dataset,
    validate: Callable[[Method[Any]], dict[str, float]] = no_validation,
    **settings: Any,
) -> list[Epoch]:
    inputs, normalise = Inputs.of(dataset.train, CPU), Normalise(dataset, CPU)
    return train(method, inputs, normalise, TrainingSettings(**settings), validate)
