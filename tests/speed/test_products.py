"""The products of a training step, recorded: as many and as large as its FLOPs say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from methods.sae import SAE
from perf.speed.problems import configs
from perf.speed.products import Product, floor, products_of, within
from perf.speed.step import NETWORKS, _step, flops_of_step, random_dataset

CPU = torch.device("cpu")
_ATEN = torch.ops.aten


def multiply_adds(product: Product) -> int:
    """By the shapes of what goes in; written without the project's own count."""
    args = product.args
    if product.kernel in {_ATEN.mm.default, _ATEN.bmm.default}:
        return int(args[0].numel() * args[1].shape[-1])
    if product.kernel is _ATEN.addmm.default:
        return int(args[1].numel() * args[2].shape[-1])
    weight = args[1] if product.kernel is _ATEN.convolution.default else args[2]
    if product.kernel is _ATEN.convolution.default:
        image, (stride, *_), (padding, *_) = args[0], args[3], args[4]
        side = (image.shape[-1] + 2 * padding - weight.shape[-1]) // stride + 1
        return int(image.shape[0] * side**2 * weight.numel())
    gradient, wanted = args[0], args[10]
    each = gradient.shape[0] * math.prod(gradient.shape[2:]) * weight.numel()
    return int(each * (wanted[0] + wanted[1]))


@pytest.mark.parametrize("name", ["FC", "VGG", "ViT"])
def test_they_are_the_flops_of_the_step(name: str) -> None:
    problem = NETWORKS[name]
    (config,) = configs(problem.dataset, epochs=1)
    dataset = random_dataset(problem, 4)
    method = build(config, dataset)
    assert isinstance(method, SAE)
    step = _step(method, Inputs.of(dataset.train, CPU), Normalise(dataset, CPU))
    counted = 2 * sum(map(multiply_adds, products_of(step)))
    # The norms are in one count alone.
    assert counted == pytest.approx(4 * flops_of_step(method, problem.shape), rel=0.05)


def test_a_product_is_called_again_as_it_was() -> None:
    layer, x_BF = nn.Linear(3, 2), torch.randn(5, 3)
    (forward, by_weight) = products_of(lambda: layer(x_BF).sum().backward())
    assert torch.equal(forward(), layer(x_BF))  # type: ignore[arg-type]
    assert layer.weight.grad is not None
    assert torch.equal(by_weight(), layer.weight.grad)  # type: ignore[arg-type]
    assert floor([forward, by_weight], rounds=2) > 0


def test_the_profiler_tells_products_from_other_operations() -> None:
    x_BF = torch.randn(64, 64)

    def steps(n_others: int) -> None:
        for _ in range(10):
            y_BF = torch.mm(x_BF, x_BF)
            for _ in range(n_others):
                y_BF = y_BF + 1.0

    few, many = (within(lambda n=n: steps(n), 10) for n in (1, 6))  # type: ignore[misc]
    assert many.others - few.others == 5
    assert few.products > 0
