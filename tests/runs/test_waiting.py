"""Within an epoch nothing waits for the device: on a GPU the next step would start late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.data.row import Augmentation
from bench.runs.run import build
from methods import method_names
from runs.scripted import train_on
from runs.tiny_runs import config, toy_dataset

# What hands a value, or a shape that depends on values, from the device to Python.
WAITS = ("_local_scalar_dense", "item", "is_nonzero", "nonzero", "masked_select", "equal", "unique")


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        # A mask is an index of as many rows as it has ones.
        masks = name.startswith("index") and any(
            index is not None and index.dtype == torch.bool
            for index in (args[1] if isinstance(args[1], list | tuple) else ())
        )
        if name in WAITS or masks:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


def test_waiting_is_seen() -> None:
    with Waits() as waits:
        float(torch.ones(()))
        torch.ones(3)[torch.ones(3) > 0]
    assert waits.found == {"_local_scalar_dense": 1, "index": 1}


@pytest.mark.parametrize(
    ("method", "augment"),
    [*((name, "none") for name in method_names()),
     *(("standard", augment) for augment in get_args(Augmentation) if augment != "none")],
)  # fmt: skip
def test_an_epoch_waits_as_often_whatever_its_steps(method: str, augment: str) -> None:
    dataset = toy_dataset()
    n_images = len(dataset.train.y_B)
    found = []
    for steps in (2, 4):
        tiny = build(config(method), dataset)
        with Waits() as waits:
            train_on(tiny, dataset, lambda _: {"nll": 0.0}, epochs=1, augment=augment,
                     batch_size=n_images // steps)  # fmt: skip
        found.append(waits.found)
    assert found[0] == found[1]
    assert 1 <= sum(found[0].values()) <= 4 * len(tiny.parts())
