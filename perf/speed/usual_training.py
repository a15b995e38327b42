"""What the other sides share with ours: the network, its loss, and the optimiser's budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from bench.data.table import DATASETS
from methods import load_method
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.method import Method
from methods.core.network import Problem
from perf.speed.job import Job
from perf.speed.problems import configs

BATCH_SIZE = 128
CLIP = 5.0


def network(job: Job, seed: int, shape: ImageShape) -> Method[Any]:
    """The same network and loss that ours trains: nothing here is a copy."""
    config = configs(job.problem, epochs=job.epochs, seeds=seed + 1)[seed]
    row = DATASETS[job.problem]
    problem = Problem(
        shape=shape,
        likelihood=likelihood_for(row.task, row.n_classes),
        backbone=config.backbone_settings,
    )
    return load_method(config.method)(problem, config.settings, seed=seed)


def optimiser(method: Method[Any], n_steps: int) -> tuple[torch.optim.Adam, LambdaLR]:
    """Adam as PyTorch has it by default, and half a cosine over the steps."""
    groups = [
        {"params": list(g.parameters), "weight_decay": 1e-4 if g.weight_decay else 0.0}
        for g in method.parameter_groups()
    ]
    adam = torch.optim.Adam(groups, lr=1e-3)
    return adam, LambdaLR(adam, lambda step: 0.5 * (1 + math.cos(math.pi * step / n_steps)))


def scores(method: Method[Any], x_BQHW: Tensor, y_B: Tensor) -> Mapping[str, Tensor]:
    """Sums over a batch of what is validated: NLL, and hits (classification) or squared errors."""
    mixed_BC = method.likelihood.mix(method(x_BQHW), method.weights())
    if method.likelihood.task == "classification":
        log_prob_B = mixed_BC.gather(1, y_B[:, None])[:, 0]
        return {"nll": -log_prob_B.sum(), "accuracy": (mixed_BC.argmax(1) == y_B).sum()}
    mean_B, log_variance_B = mixed_BC.unbind(-1)
    squared_B = (mean_B - y_B) ** 2
    nll_B = 0.5 * (squared_B / log_variance_B.exp() + log_variance_B + math.log(2 * math.pi))
    return {"nll": nll_B.sum(), "mse": squared_B.sum()}
