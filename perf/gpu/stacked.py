"""Part "stacked": FC networks of one shape trained as one by torch.func, against one by one.

Every network has its own weights, images and gradient; the update is one for all. It is measured
here alone: whether it pays decides whether the benchmark should do it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from bench.training.adam import ClippedAdam
from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.network import Network, Problem
from perf.gpu.networks import N_CLASSES
from perf.gpu.report import Report

BATCH = 128
STACKED = (1, 4, 16, 64)
WIDTH, DEPTH, N_INPUTS = 128, 4, 2
WINDOW_S = 1.0


def measure(report: Report, device: torch.device, *, quick: bool) -> None:
    """A row for each number of stacked networks, as it is and captured."""
    for n in (1, 2) if quick else STACKED:
        step = stacked_step(networks(n), device, 16 if quick else BATCH)
        _add(report, f"{n} stacked, eager", n, step, device, quick=quick)
        if device.type == "cuda":
            try:
                replay = _captured(step)
            except RuntimeError as error:
                remark = str(error).partition("\n")[0]
                report.add(f"{n} stacked, captured", None, "steps/s", remark)
            else:
                _add(report, f"{n} stacked, captured", n, replay, device, quick=quick)


def networks(n: int) -> list[Network]:
    """SAE's networks on pneumonia's shape, of different weights."""
    problem = Problem(
        shape=ImageShape(channels=1, height=28, width=28),
        likelihood=likelihood_for("classification", N_CLASSES),
        backbone=FCSettings(width=WIDTH, depth=DEPTH),
    )
    return [Network(problem, n_inputs=N_INPUTS, exits=range(1, DEPTH + 1)) for _ in range(n)]


def stacked_step(models: list[Network], device: torch.device, batch: int) -> Callable[[], None]:
    """A training step of all of them on random images, each network on its own."""
    parameters, gradient = stacked_gradient(models, device)
    optimiser = ClippedAdam([{"params": list(parameters.values()), "clip": 5.0}], lr=1e-3)
    x_SBQHW = torch.randn(len(models), batch, N_INPUTS, 28, 28, device=device)
    y_SBM = torch.randint(N_CLASSES, (len(models), batch, N_INPUTS * DEPTH), device=device)

    def step() -> None:
        found = gradient(x_SBQHW, y_SBM)
        for name, parameter in parameters.items():
            parameter.grad = found[name]
        optimiser.step()

    return step


def stacked_gradient(
    models: list[Network], device: torch.device
) -> tuple[dict[str, nn.Parameter], Callable[[Tensor, Tensor], dict[str, Tensor]]]:
    """Parameters by name, (S, ...), and the gradient of each network's mean NLL by them."""
    models = [copy.deepcopy(model).to(device) for model in models]
    for model in models:  # whose running averages vmap cannot write to
        torch.func.replace_all_batch_norm_modules_(model)
    stacked, buffers = torch.func.stack_module_state(models)
    parameters = {name: nn.Parameter(value.detach()) for name, value in stacked.items()}
    skeleton = copy.deepcopy(models[0]).to("meta")

    def loss(values: dict[str, Tensor], x_BQHW: Tensor, y_BM: Tensor) -> Tensor:
        outputs_BMC: Tensor = torch.func.functional_call(skeleton, values, (x_BQHW,))
        return F.cross_entropy(outputs_BMC.flatten(0, 1), y_BM.flatten())

    assert not buffers
    per_network = torch.func.vmap(torch.func.grad(loss))

    def gradient(x_SBQHW: Tensor, y_SBM: Tensor) -> dict[str, Tensor]:
        values = {name: parameter.detach() for name, parameter in parameters.items()}
        found: dict[str, Tensor] = per_network(values, x_SBQHW, y_SBM)
        return found

    return parameters, gradient


def _captured(step: Callable[[], None]) -> Callable[[], None]:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _add(
    report: Report, quantity: str, n: int, step: Callable[[], None], device: torch.device,
    *, quick: bool,
) -> None:  # fmt: skip
    steps, start, n_between = 0, 0.0, 1 if quick else 10
    for window_s in (0.05, 0.05) if quick else (0.3, WINDOW_S):  # the first warms up
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < window_s:
            for _ in range(n_between):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            steps += n_between
    rate = n * steps / (time.perf_counter() - start)
    report.add(quantity, rate, "steps/s", "of all networks together")
