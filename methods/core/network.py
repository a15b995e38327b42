"""The one network that every method is made of: a backbone with exit heads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods.core.backbone import BackboneSettings, ImageShape
from methods.core.exits import Head, make_head
from methods.core.likelihood import Likelihood


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The facts of the data, and the backbone, that a method is built for.

    Attributes:
        shape: of one image.
        likelihood: of the task.
        backbone: the settings that build it.
        n_train: |D|, the training samples; None where nothing is trained.
    """

    shape: ImageShape
    likelihood: Likelihood
    backbone: BackboneSettings
    n_train: int | None = None


class Exit(NamedTuple):
    """One predictor of a network: input n (0-based) read at exit d (1-based)."""

    depth: int
    input: int


class Network(nn.Module):
    """A backbone for N stacked inputs, with a head after each stage in ``exits``.

    Its M predictors stand in the order of ``predictors``: by exit, then by input.

    Args:
        problem: image shape, likelihood and backbone.
        n_inputs: N >= 1.
        exits: depths d in 1..D that get a head.
    """

    def __init__(self, problem: Problem, *, n_inputs: int = 1, exits: Iterable[int]) -> None:
        super().__init__()
        self.backbone = problem.backbone.build(problem.shape, n_inputs)
        self.heads = nn.ModuleDict()
        for depth in sorted(exits):
            self.heads[str(depth)] = make_head(
                self.backbone.layout,
                self.backbone.features,
                depth,
                n_inputs,
                problem.likelihood.n_outputs,
            )
        self.predictors = [Exit(int(d), n) for d in self.heads for n in range(n_inputs)]

    def forward(self, x_BQHW: Tensor) -> Tensor:
        """Outputs of all predictors.

        Args:
            x_BQHW: the N inputs stacked on the channel axis, (B, N*Q, H, W).

        Returns:
            (B, M, C).
        """
        features = self.backbone.stem(x_BQHW)
        outputs = []
        for depth, stage in enumerate(self.backbone.stages, start=1):
            features = stage(features)
            if str(depth) in self.heads:
                outputs.append(self.heads[str(depth)](features))
        return torch.cat(outputs, dim=1)

    def pruned(self, keep: Sequence[Exit]) -> Network:
        """A copy without all that ``keep`` does not need.

        Gone are the stages after the deepest kept exit, the heads of other exits, and in a kept
        head the rows of inputs that do not use it. The copy's predictors are ``keep``, sorted.
        """
        keep = sorted(keep)
        unknown = set(keep) - set(self.predictors)
        if unknown or not keep:
            raise ValueError(f"keep={list(keep)}: must be some of {self.predictors}")
        network = copy.deepcopy(self)
        deepest = keep[-1].depth
        network.backbone.stages = network.backbone.stages[:deepest]
        network.backbone.features = network.backbone.features[:deepest]
        for name in list(network.heads):
            inputs = [n for d, n in keep if d == int(name)]
            if not inputs:
                del network.heads[name]
                continue
            head = network.heads[name]
            assert isinstance(head, Head)
            head.keep_inputs(inputs)
        network.predictors = keep
        return network
