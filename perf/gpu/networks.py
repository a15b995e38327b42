"""What is trained in the GPU kit: random images of the datasets' shapes, the default networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bench.data.dataset import Dataset, Split
from bench.runs.config import RunConfig
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import batches
from bench.training.step import TrainingStep
from bench.training.steps import InTurn, OnDevice, Steps
from methods.core.method import Method

# Height, width and channels of the dataset that the paper trains each backbone on.
SHAPES = {
    "fc": (28, 28, 1),
    "vgg": (28, 28, 3),
    "vit": (28, 28, 3),
    "resnet": (64, 64, 3),
}
N_CLASSES = 10


def random_dataset(shape: tuple[int, int, int], n_images: int) -> Dataset:
    """Random images and labels: what they show does not change the work."""
    rng = np.random.default_rng(0)
    images_BHWQ = rng.integers(0, 256, (n_images, *shape), dtype=np.uint8)
    labels_B = np.arange(n_images) % N_CLASSES
    split = Split(images_BHWQ=images_BHWQ, y_B=labels_B)
    return Dataset(
        name="random", task="classification", n_classes=N_CLASSES,
        train=split, val=split, test=split,
    )  # fmt: skip


def config(
    method: str,
    backbone: str,
    settings: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> RunConfig:
    """A run with the defaults but for what is given."""
    return RunConfig.from_dict(
        {
            "dataset": "random",
            "method": {"name": method, "settings": settings or {}},
            "backbone": {"name": backbone, "settings": body or {}},
            "training": training or {},
            "seed": 0,
        }
    )


class Running:
    """A method in training whose epochs are taken one by one.

    Args:
        run: what to train.
        dataset: with how many images an epoch has.
        device: where.
        mode: "numbers" (as on a CPU), "eager" or "captured" (on a GPU; elsewhere eager too).
    """

    def __init__(self, run: RunConfig, dataset: Dataset, device: torch.device, mode: str) -> None:
        torch.manual_seed(0)
        self.method: Method[Any] = build(run, dataset).to(device)
        self.dataset, self.device = dataset, device
        normalise = Normalise(dataset, device)
        self._rows = batches(len(dataset.train.y_B), run.training.batch_size, 0, 0, device)
        inputs = Inputs.of(dataset.train, device)
        self._epoch = 0
        capture = mode == "captured" and device.type == "cuda"
        self._parts: list[tuple[TrainingStep, Steps]] = []
        for part in self.method.parts():
            step = TrainingStep(part, inputs, normalise, run.training, "none")
            steps = InTurn(step) if mode == "numbers" else OnDevice(step, capture=capture)
            self._parts.append((step, steps))

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return len(self._rows)

    @property
    def captured(self) -> bool:
        """Whether the steps of all parts are replays by now."""
        return all(isinstance(steps, OnDevice) and steps.captured for _, steps in self._parts)

    def epoch(self) -> None:
        """Take its steps, at half the training."""
        self.method.train()
        half = [0.5] * self.n_steps
        for step, steps in self._parts:
            step.begin(self._epoch)
            steps(self._rows, half, half)
        self._epoch += 1

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
