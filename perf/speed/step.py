"""Training steps of FC, VGG, ViT and ResNet on one thread, against the peak of its products.

The images are random numbers of the datasets' shapes: what they show does not change the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench.cost import measure as cost_of
from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS
from bench.deploy.latency.timing import interleaved
from bench.runs.config import RunConfig
from bench.runs.execute import prepare_process
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from methods.core.backbone import ImageShape
from methods.core.method import uniform_weights
from methods.core.multi_input import MultiInput
from methods.sae import SAE
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row

BATCH = 128
SIDES = (256, 512, 1024)  # of square float32 products; the best counts


@dataclass(frozen=True, kw_only=True)
class StepProblem:
    """A network whose steps are timed.

    Attributes:
        dataset: whose shape and task it has.
        shape: (height, width, channels).
        steps: of an epoch.
        assignments: of SAE and its backbone; none: the problem's.
    """

    dataset: str
    shape: tuple[int, int, int]
    steps: int
    assignments: tuple[str, ...] = ()


_RESNET = ("sae.n_inputs=2", "sae.n_exits=2", "resnet.width=16", "resnet.depth=4")
NETWORKS = {
    "FC": StepProblem(dataset="pneumonia", shape=(28, 28, 1), steps=40),
    "VGG": StepProblem(dataset="blood", shape=(28, 28, 3), steps=3),
    "ViT": StepProblem(dataset="retina", shape=(28, 28, 3), steps=3),
    "ResNet": StepProblem(
        dataset="tinyimagenet", shape=(64, 64, 3), steps=1, assignments=_RESNET
    ),
}  # fmt: skip


def measure(*, quick: bool) -> Measured:
    """Milliseconds of a step, and its share of the peak, which is taken in turns with it."""
    prepare_process()
    rows, shares = [], {}
    for name, problem in NETWORKS.items():
        (config,) = configs(problem.dataset, epochs=1, assignments=problem.assignments)
        dataset = random_dataset(problem, problem.steps * BATCH)
        calls: dict[Any, Callable[[], object]] = {"epoch": epoch(config, dataset), **products()}
        taken = interleaved(calls, rounds=2 if quick else 15)
        step_s = float(np.median(taken["epoch"])) / problem.steps
        peak = max(2 * side**3 / float(np.median(taken[side])) for side in SIDES)
        method = build(config, dataset)
        assert isinstance(method, SAE)
        flops = BATCH * flops_of_step(method, problem.shape)
        shares[name] = 100 * flops / step_s / peak
        rows.append(
            Row(
                quantity=f"{name} step, SAE N=2 K=2, B={BATCH}", value=1e3 * step_s, unit="ms",
                remark=f"{flops / 1e6:.0f} MFLOP, {shares[name]:.0f}% of the matmul peak "
                f"({peak / 1e9:.0f} GFLOP/s)",
            )
        )  # fmt: skip
    return Measured(rows=rows, data={"shares": shares})


def epoch(config: RunConfig, dataset: Dataset) -> Callable[[], object]:
    """An epoch of training on one thread, validation left out."""
    cpu = torch.device("cpu")
    method, augment = build(config, dataset), DATASETS[dataset.name].augment
    inputs, normalise = Inputs.of(dataset.train, cpu), Normalise(dataset, cpu)
    return lambda: train(
        method, inputs, normalise, config.training, lambda _: {"nll": 0.0}, augmentation=augment
    )


def products() -> dict[int, Callable[[], object]]:
    """Float32 products of square matrices, by side."""
    pairs = {side: (torch.randn(side, side), torch.randn(side, side)) for side in SIDES}

    def call(side: int) -> Callable[[], object]:
        left, right = pairs[side]
        out = torch.empty(side, side)
        return lambda: torch.mm(left, right, out=out)

    return {side: call(side) for side in SIDES}


def random_dataset(problem: StepProblem, n_images: int) -> Dataset:
    """Random images and labels of a dataset's shape and task."""
    row, rng = DATASETS[problem.dataset], np.random.default_rng(0)
    images_BHWQ = rng.integers(0, 256, (n_images, *problem.shape), dtype=np.uint8)
    labels_B = rng.integers(0, max(row.n_classes, 1), n_images)
    grades_B = rng.random(n_images, dtype=np.float32)
    split = Split(images_BHWQ=images_BHWQ, y_B=labels_B if row.n_classes else grades_B)
    return Dataset(
        name=row.name, task=row.task, n_classes=row.n_classes, train=split, val=split, test=split
    )


def flops_of_step(method: SAE, shape: tuple[int, int, int]) -> int:
    """FLOPs of a training step on one image, two a multiply-add.

    Three times the forward pass (the gradients by features and by weights cost as much as it each)
    but twice the first layer, whose inputs need no gradient.
    """
    height, width, channels = shape
    network, n_inputs = method.network, method.settings.n_inputs
    # All exits with all inputs: what a step computes, and more than is deployed.
    weights_M = uniform_weights(len(network.predictors), like=network)
    whole = MultiInput(network, n_inputs, weights_M, method.likelihood)
    cost = cost_of(whole, ImageShape(channels, height, width))
    first = sum(n for part, n in cost.flops_by_part.items() if part.endswith("backbone.stem"))
    assert first > 0, f"no stem among {list(cost.flops_by_part)}"
    return 2 * (3 * cost.flops - first)
