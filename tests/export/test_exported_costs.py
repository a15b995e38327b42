"""Recorded costs against a second count, on the graph of the exported program."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.fx import Node

from bench import cost
from bench.deploy.export import formats
from bench.deploy.export.exported import Exported, masks_shape
from bench.training.inputs import Normalise
from export.conftest import SHAPE, a_method
from methods import method_names
from methods.backbones import backbone_names


def shape_of(node: Any) -> list[int]:
    """For a batch of one image and one set of masks: the free symbols of the program are 1."""
    sizes = [size if isinstance(size, int) else size.node.expr for size in node.meta["val"].shape]
    return [int(size if isinstance(size, int) else size.subs(dict.fromkeys(size.free_symbols, 1)))
            for size in sizes]  # fmt: skip


def numel(node: Any) -> int:
    return math.prod(shape_of(node))


COUNTS: dict[str, Callable[[Node], int]] = {
    "conv2d": lambda node: numel(node) * math.prod(shape_of(node.args[1])[1:]),
    "linear": lambda node: numel(node) * shape_of(node.args[1])[1],
    "matmul": lambda node: numel(node) * shape_of(node.args[0])[-1],
    "bmm": lambda node: numel(node) * shape_of(node.args[0])[-1],
    "mul": numel,
    "layer_norm": lambda node: (5 if len(node.args) > 2 and node.args[2] else 4) * numel(node),
    "mean": lambda node: numel(node.args[0]),
    "batch_norm": lambda node: 2 * numel(node.args[0]),
}


def counted(program: torch.export.ExportedProgram) -> int:
    """Multiply-adds of the network: normalising pixels, masks and mixing members are left out."""
    total = 0
    for node in program.graph.nodes:
        stack = list(node.meta.get("nn_module_stack", {}).values())
        inside = any(path.split(".")[-1] == "network" for path, _ in stack)
        if inside and not any("GivenDropout" in kind for _, kind in stack):
            count = COUNTS.get(str(node.target).removeprefix("aten.").split(".")[0])
            total += 0 if count is None else count(node)
    return total


# Every method where there are convolutions and linear layers, every backbone plain and under SAE.
CELLS = [
    *((name, "vgg") for name in method_names()),
    *(
        (name, other)
        for name in ("standard", "sae")
        for other in backbone_names()
        if other != "vgg"
    ),
]


@pytest.mark.parametrize(("name", "backbone"), CELLS)
def test_costs_are_those_of_the_exported_graph(name: str, backbone: str) -> None:
    class Data:  # what Normalise reads of a dataset
        mean_Q, std_Q = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.1])

    method = a_method(name, backbone)
    normalise = Normalise(Data(), torch.device("cpu"))  # type: ignore[arg-type]
    exported = Exported(method.deployed(), normalise).eval()
    image = (SHAPE.height, SHAPE.width, SHAPE.channels)
    program = formats.to_program(exported, image, masks_shape(method.deployed(), SHAPE))
    costs = cost.costs_of(method.pruned(), SHAPE)
    assert counted(program) == costs.exported.flops
    assert sum(values.numel() for values in program.parameters()) == costs.exported.params
    assert costs.exported.flops <= costs.paper.flops
