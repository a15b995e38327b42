"""What pays and what does not: each choice of the training step against its alternative."""

from __future__ import annotations

import copy
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bench.deploy.latency.timing import Call, interleaved
from bench.runs.execute import prepare_process
from bench.runs.run import build
from bench.training.adam import ClippedAdam
from bench.training.predict import BATCH_SIZE_OF_MAPS
from methods.backbones.vit import Attention
from methods.core.backbone import ChannelsLast
from methods.core.exits import GlobalAverage
from methods.core.network import Network
from methods.core.surgery import replace_layers
from methods.sae import SAE
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row
from perf.speed.stacked_fc import StackedFC
from perf.speed.step import BATCH, NETWORKS, random_dataset
from perf.speed.training_call import differentiated, training_call

SEEDS = (1, 2, 4)


def measure(*, quick: bool) -> Measured:
    """Ratios: time of the alternative / time of what the benchmark does."""
    prepare_process()
    found = {
        "VGG step": _ratios(
            _training_calls(variants_of_maps(network_of("VGG"))), rounds=1 if quick else 7
        ),
        "ViT step": _ratios(
            _training_calls(variants_of_tokens(network_of("ViT"))), rounds=1 if quick else 7
        ),
        "VGG prediction": _ratios(_of_predictions(), rounds=1 if quick else 25),
        "FC optimiser": _ratios(_of_optimiser(), rounds=3 if quick else 101),
        "VGG step, fresh process": _memory(rounds=1 if quick else 3, steps=2 if quick else 10),
    }
    stacked = _ratios(_of_seeds(), rounds=3 if quick else 101)
    rows = [
        Row(quantity=f"{what}: {alternative} / ours", value=ratio, unit="x")
        for what, ratios in found.items()
        for alternative, ratio in ratios.items()
    ]
    rows += [
        Row(
            quantity=f"FC, forward and backward, {n_seeds} seeds: one by one / stacked {how}",
            value=stacked[f"{n_seeds} one by one"] / stacked[f"{n_seeds} {how}"],
            unit="x",
            remark="one by one is ours",
        )
        for n_seeds in SEEDS
        for how in ("by vmap", "by hand")
    ]
    return Measured(rows=rows, data={**found, "seeds": stacked})


def _ratios(calls: Mapping[str, Call], *, rounds: int) -> dict[str, float]:
    """Time of each but the first call, as a multiple of the first's; medians over rounds."""
    taken = interleaved(calls, rounds=rounds)
    ours, *others = taken
    return {name: float(np.median(taken[name] / taken[ours])) for name in others}


def network_of(name: str, seed: int = 0) -> Network:
    """SAE's network of a problem whose steps are timed."""
    problem = NETWORKS[name]
    config = configs(problem.dataset, epochs=1, seeds=seed + 1)[seed]
    method = build(config, random_dataset(problem, 1))
    assert isinstance(method, SAE)
    return method.network


def _training_calls(variants: Mapping[str, nn.Module]) -> dict[str, Call]:
    """A forward and backward pass of each on the same batch, two colour images to a sample."""
    x_BQHW = torch.randn(BATCH, 6, 28, 28)
    return {name: training_call(variant, x_BQHW) for name, variant in variants.items()}


def variants_of_maps(network: nn.Module) -> dict[str, nn.Module]:
    """The network, and copies that compute the same in another way."""
    return {
        "ours": network,
        "channels outermost": _replaced(network, ChannelsLast, nn.Identity),
        "AdaptiveAvgPool2d": _replaced(
            network, GlobalAverage, lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        ),
        "ReLU not in place": _replaced(network, nn.ReLU, nn.ReLU),
    }


class FusedAttention(Attention):
    """The same attention by torch's fused kernel."""

    def forward(self, tokens_BLF: Tensor) -> Tensor:
        """Shape kept."""
        qkv = self.qkv(tokens_BLF).view(*tokens_BLF.shape[:2], 3, self.n_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()
        mixed_BhLF = nn.functional.scaled_dot_product_attention(q, k, v)
        mixed: Tensor = self.out(mixed_BhLF.transpose(1, 2).flatten(2))
        return mixed


def variants_of_tokens(network: nn.Module) -> dict[str, nn.Module]:
    """The network, and a copy that computes the same in another way."""
    fused = copy.deepcopy(network)
    for module in fused.modules():
        if isinstance(module, Attention):
            module.__class__ = FusedAttention
    return {"ours": network, "fused attention": fused}


def _of_predictions() -> dict[str, Call]:
    """The same batch of images through the deployed network of VGG, and through others."""
    (config,) = configs("blood", epochs=1)
    pruned = build(config, random_dataset(NETWORKS["VGG"], 1)).pruned()
    deployed = pruned.fused()
    variants = {
        "ours": deployed,
        "BatchNorm not folded": pruned,
        "ReLU not in place": _replaced(deployed, nn.ReLU, nn.ReLU),
        "channels outermost": _replaced(deployed, ChannelsLast, nn.Identity),
    }
    x_BQHW = torch.randn(BATCH_SIZE_OF_MAPS, 3, 28, 28)

    def call(network: nn.Module) -> Call:
        def predict() -> Tensor:
            with torch.inference_mode():
                outputs: Tensor = network(x_BQHW)
            return outputs

        return predict

    return {name: call(network) for name, network in variants.items()}


def _of_optimiser() -> dict[str, Call]:
    """Clip and Adam on the gradients of FC."""
    network = network_of("FC")
    training_call(network, torch.randn(BATCH, 2, 28, 28))()
    ours = ClippedAdam([{"params": list(network.parameters()), "clip": 5.0}], lr=1e-9)
    calls: dict[str, Call] = {"ours": ours.step}
    for name, fused in (("torch's fused Adam", True), ("torch's Adam", False)):
        adam = torch.optim.Adam(network.parameters(), lr=1e-9, fused=fused)

        def step(adam: torch.optim.Adam = adam) -> None:
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            adam.step()

        calls[f"clip_grad_norm_ and {name}"] = step
    return calls


def _of_seeds() -> dict[str, Call]:
    """Networks of several seeds: one by one, by ``torch.func.vmap``, and stacked by hand.

    The first call is the unit of all others.
    """
    x_BQHW = torch.randn(BATCH, 2, 28, 28)
    calls: dict[str, Call] = {"one": training_call(network_of("FC"), x_BQHW)}
    for n_seeds in SEEDS:
        networks = [network_of("FC", seed) for seed in range(n_seeds)]
        calls[f"{n_seeds} one by one"] = _all([training_call(n, x_BQHW) for n in networks])
        calls[f"{n_seeds} by vmap"] = _by_vmap(networks, x_BQHW)
        stacked = StackedFC(networks)
        x_SBF = x_BQHW.flatten(1).expand(n_seeds, -1, -1).contiguous()
        calls[f"{n_seeds} by hand"] = differentiated(
            lambda stacked=stacked, x_SBF=x_SBF: stacked(x_SBF),  # type: ignore[misc]
            stacked.parameters,
        )
    return calls


def _all(calls: list[Callable[[], object]]) -> Call:
    return lambda: [call() for call in calls]


def _by_vmap(networks: list[Network], x_BQHW: Tensor) -> Call:
    parameters, buffers = stack_module_state(list[nn.Module](networks))
    skeleton = copy.deepcopy(networks[0])

    def one(values: dict[str, Tensor], statistics: dict[str, Tensor]) -> Tensor:
        outputs: Tensor = functional_call(skeleton, (values, statistics), (x_BQHW,))
        return outputs

    return differentiated(lambda: vmap(one)(parameters, buffers), parameters.values())


def _replaced(
    network: nn.Module, kind: type[nn.Module], make: Callable[[], nn.Module]
) -> nn.Module:
    """A copy with every module of a kind replaced."""
    copied = copy.deepcopy(network)
    replace_layers(copied, (kind,), lambda _index, _layer: make())
    return copied


def _memory(*, rounds: int, steps: int) -> dict[str, float]:
    """Steps of VGG in fresh processes, in turns: memory as glibc has it, and kept."""
    root = Path(__file__).parents[2]
    taken: dict[str, list[float]] = {"default": [], "kept": []}
    for _ in range(rounds):
        for how, seconds in taken.items():
            command = [sys.executable, "-m", "perf.speed.allocator_job", how, str(steps)]
            answer = subprocess.run(command, cwd=root, capture_output=True, check=True)
            seconds.append(float(answer.stdout))
    ratio = statistics.median(taken["default"]) / statistics.median(taken["kept"])
    return {"freed memory given back": ratio}
