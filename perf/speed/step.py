"""A training step by part, against the machine's peak: FC, VGG, ResNet and ViT on one thread.

The images are random numbers of the datasets' shapes: what they show does not change the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.cost import measure as cost_of
from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS
from bench.runs.execute import prepare_process
from bench.runs.loaded import load_dataset
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import batches, train
from methods.core.backbone import ImageShape
from methods.core.method import Method, uniform_weights
from methods.core.multi_input import MultiInput
from methods.sae import SAE
from perf.speed import limits
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.products import floor, products_of, within
from perf.speed.row import Row
from perf.speed.step_marks import PARTS, MarkedNormalise, Marks, marked

_log = logging.getLogger(__name__)

BATCH = 128
_CPU = torch.device("cpu")
_PROFILED_STEPS = 60


@dataclass(frozen=True, kw_only=True)
class StepProblem:
    """A network whose steps are timed.

    Attributes:
        dataset: whose shape and task it has.
        shape: (height, width, channels).
        assignments: of SAE and its backbone; none: the problem's.
        target: least share of the peak, in percent; None where the issue asks for nothing.
        steps: how many are timed.
    """

    dataset: str
    shape: tuple[int, int, int]
    assignments: tuple[str, ...] = ()
    target: float | None = None
    steps: int = 60


RESNET = ("sae.n_inputs=2", "sae.n_exits=2", "resnet.width=16", "resnet.depth=4")
NETWORKS = {
    "FC": StepProblem(dataset="pneumonia", shape=(28, 28, 1), target=50, steps=400),
    "VGG": StepProblem(dataset="blood", shape=(28, 28, 3), target=60, steps=20),
    "ViT": StepProblem(dataset="retina", shape=(28, 28, 3), target=45, steps=20),
    "ResNet": StepProblem(dataset="tinyimagenet", shape=(64, 64, 3), assignments=RESNET, steps=10),
}


def measure(*, quick: bool) -> Measured:
    """Parts of a step, and its share of the peak."""
    prepare_process()
    rounds = 3 if quick else 15
    peaks, bandwidth = [], 0.0
    rows, data = [], dict[str, Any]()
    for name, problem in NETWORKS.items():
        # Right before and after: a virtual machine's cores are not always equally fast.
        before, bandwidth = limits.measured(rounds=rounds)
        found = step_of(problem, quick=quick)
        after, _ = limits.measured(rounds=rounds)
        found["peak_flops"] = (before + after) / 2
        data[name] = found
        rows += _rows(name, problem, found)
        peaks += [before, after]
        _log.info("%s: %.2f ms", name, 1e3 * sum(found["parts"].values()))
    limit = Row(
        quantity="one thread: float32 matrix product, peak",
        value=float(np.median(peaks)) / 1e9,
        unit="GFLOP/s",
        remark=f"best of squares of {', '.join(map(str, limits.SIDES))}; before and after each "
        f"network: {min(peaks) / 1e9:.1f} to {max(peaks) / 1e9:.1f}",
    )
    memory = Row(
        quantity="one thread: copy of 256 MiB, read and write", value=bandwidth / 1e9, unit="GB/s"
    )
    return Measured(
        rows=[limit, memory, *rows], data={"networks": data, "bandwidth": bandwidth, "peaks": peaks}
    )


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


def step_of(problem: StepProblem, *, quick: bool) -> dict[str, Any]:
    """Median seconds of the parts of a step of SAE, its FLOPs, and its bare products.

    Returns:
        parts (seconds by part), step (seconds), quartiles of the step's seconds, flops (of a step,
        two a multiply-add), floor (seconds of all products by themselves), products (their seconds
        within the step) and others (how many other operations the step has).
    """
    n_steps = 4 if quick else problem.steps
    (config,) = configs(problem.dataset, epochs=1, assignments=problem.assignments)
    dataset = random_dataset(problem, n_steps * BATCH)
    method, marks = build(config, dataset), Marks()
    assert isinstance(method, SAE)
    normalise = Normalise(dataset, _CPU)
    inputs = Inputs.of(dataset.train, _CPU)

    def steps(inputs: Inputs, normalise: Callable[[Tensor], Tensor]) -> None:
        train(
            method, inputs, normalise, config.training,
            lambda _: {"nll": 0.0}, augmentation=DATASETS[problem.dataset].augment,
        )  # fmt: skip

    with marked(method, marks):
        steps(inputs, MarkedNormalise(normalise, marks))
    seconds = marks.seconds()[1:]  # the first steps fill caches
    few = Inputs(
        images_BQHW=inputs.images_BQHW[: _PROFILED_STEPS * BATCH],
        y_B=inputs.y_B[: _PROFILED_STEPS * BATCH],
    )
    inside = within(lambda: steps(few, normalise), min(n_steps, _PROFILED_STEPS))
    method.train()
    products = products_of(_step(method, inputs, normalise))
    return {
        "parts": dict(zip(PARTS, np.median(seconds, axis=0).tolist(), strict=True)),
        "step": float(np.median(seconds.sum(axis=1))),
        "quartiles": np.quantile(seconds.sum(axis=1), (0.25, 0.75)).tolist(),
        "flops": BATCH * flops_of_step(method, problem.shape),
        "floor": floor(products, rounds=1 if quick else 5),
        "products": inside.products,
        "others": inside.others,
    }


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


def floor_of_training(dataset_name: str, *, epochs: int) -> float:
    """Seconds of the products alone of all steps of a training run, on one thread."""
    prepare_process()
    (config,) = configs(dataset_name, epochs=epochs)
    dataset = load_dataset(dataset_name, None)
    method = build(config, dataset)
    inputs = Inputs.of(dataset.train, _CPU)
    products = products_of(_step(method, inputs, Normalise(dataset, _CPU)))
    n_steps = epochs * len(batches(len(inputs.y_B), BATCH, seed=0, epoch=0))
    return n_steps * floor(products, rounds=15)


def _step(method: Method[Any], inputs: Inputs, normalise: Normalise) -> Callable[[], None]:
    """A forward and backward pass on the first batch."""
    x_BQHW, y_B = normalise(inputs.images_BQHW[:BATCH]), inputs.y_B[:BATCH]

    def step() -> None:
        method.zero_grad()
        method.loss(x_BQHW, y_B, 0.5).backward()  # type: ignore[no-untyped-call]

    return step


def _rows(name: str, problem: StepProblem, found: dict[str, Any]) -> list[Row]:
    step, parts, floor_s = found["step"], found["parts"], found["floor"]
    peak = found["peak_flops"]
    share = 100 * found["flops"] / step / peak
    split = ", ".join(f"{part} {100 * s / step:.0f}%" for part, s in parts.items())
    low, high = (1e3 * value for value in found["quartiles"])
    label = f"{name} step, SAE N=2 K=2, B={BATCH}"
    bare = 100 * found["flops"] / floor_s / peak
    rest = step - found["products"]
    return [
        Row(quantity=label, value=1e3 * step, unit="ms",
            remark=f"quartiles {low:.2f} to {high:.2f}; {split}"),
        Row(
            quantity=f"{label}: share of the matmul peak",
            value=share,
            unit="%",
            target=problem.target,
            bound="at least",
            remark=f"{found['flops'] / 1e6:.0f} MFLOP a step: 3 x forward, without the gradient by "
            f"the images; peak then {peak / 1e9:.1f} GFLOP/s",
            binds=f"the same products, each called by itself again and again, take "
            f"{1e3 * floor_s:.2f} ms, {bare:.0f}% of the peak: what these kernels can give. Within "
            f"the step, where other data pass through the caches, they take "
            f"{1e3 * found['products']:.2f} ms (profiled). The rest, {1e3 * rest:.2f} ms, goes to "
            f"{found['others']:.0f} further operations and what calls them, "
            f"{1e6 * rest / found['others']:.1f} us each",
        ),
    ]  # fmt: skip
