"""What the choices of a step are compared with computes the same."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from bench.executors.local import local
from perf.speed import choices
from perf.speed.memory import workers_below
from perf.speed.stacked_fc import StackedFC


def test_stacked_networks_are_those_one_by_one() -> None:
    networks = [choices.network_of("FC", seed) for seed in range(3)]
    x_BQHW = torch.randn(16, 2, 28, 28, generator=torch.Generator().manual_seed(0))
    stacked = StackedFC(networks)
    outputs = stacked(x_BQHW.flatten(1).expand(3, -1, -1).contiguous())
    by_seed = outputs.view(4, 3, 16, 2, 2).permute(1, 2, 0, 3, 4).flatten(2, 3)
    for network, found_BMC in zip(networks, by_seed, strict=True):
        torch.testing.assert_close(found_BMC, network(x_BQHW))
    outputs.square().mean().backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in stacked.parameters]
    for seed, network in enumerate(networks):
        # The mean over three networks' outputs: a third of each one's own.
        (network(x_BQHW).square().mean() / 3).backward()
        stem = network.backbone.stem.get_parameter("1.weight").grad
        assert gradients[0] is not None
        assert stem is not None
        torch.testing.assert_close(gradients[0][seed], stem.T)


def test_other_layouts_compute_the_same() -> None:
    network = choices.network_of("VGG")
    x_BQHW = torch.randn(2, 6, 28, 28, generator=torch.Generator().manual_seed(0))
    expected = network(x_BQHW)
    for variant in choices.variants_of_maps(network).values():
        torch.testing.assert_close(variant(x_BQHW), expected, rtol=1e-4, atol=1e-5)


def test_fused_attention_computes_the_same() -> None:
    variants = choices.variants_of_tokens(choices.network_of("ViT"))
    x_BQHW = torch.randn(2, 6, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(variants["fused attention"](x_BQHW), variants["ours"](x_BQHW))


def test_variants_differ_from_the_network_where_they_say() -> None:
    found = choices.variants_of_maps(choices.network_of("VGG"))
    assert {name: sum(isinstance(m, nn.AdaptiveAvgPool2d) for m in variant.modules())
            for name, variant in found.items()} == {
        "ours": 0, "channels outermost": 0, "AdaptiveAvgPool2d": 4, "ReLU not in place": 0
    }  # fmt: skip
    in_place = [m.inplace for m in found["ReLU not in place"].modules() if isinstance(m, nn.ReLU)]
    assert in_place
    assert not any(in_place)


@pytest.mark.slow
def test_memory_is_that_of_the_workers() -> None:
    with local(1) as cluster:
        worker = cluster.call(os.getpid)
        assert [process.pid for process in workers_below(os.getpid())] == [worker]
