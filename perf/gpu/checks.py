"""Part "checks": every method on every backbone trains on the device and predicts as on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.training.inputs import Normalise
from bench.training.predict import predict
from methods import method_names
from methods.backbones import backbone_names
from methods.core.dropout import AlwaysOnDropout
from methods.core.method import Predictor
from methods.core.schedule import Progress
from perf.gpu.networks import Running, config, random_dataset
from perf.gpu.report import Report

SHAPE = (16, 16, 3)
BATCH = 32
# All exits active: rounding would decide which of nearly equal depth logits are the largest.
SETTINGS: dict[str, dict[str, Any]] = {"sae": {"n_exits": 4}}
# Without random draws, of which a GPU has its own.
WITHOUT_DRAWS: dict[str, dict[str, Any]] = {
    "mc_dropout": {"rate": 0.0},
    "sae": {"repetition_start": 1.0, "repetition_end": 1.0, "depth_weights": "expected"},
}
DRAWS_ALWAYS = {"mixmo"}
# Adam's first updates are signs of gradients: rounding of one near 0 moves a weight by its rate.
TRAINED_ALIKE, PREDICTED_ALIKE = 3e-2, 1e-4
_CPU = torch.device("cpu")


def measure(report: Report, device: torch.device, *, quick: bool) -> None:
    """A row a check: the worst relative difference over backbones, in norm."""
    names = ["standard", "sae"] if quick else method_names()
    backbones = ["fc", "vgg"] if quick else backbone_names()
    # Of convolutions, which otherwise round their factors to 10 bits.
    torch.backends.cudnn.allow_tf32 = False
    for name in names:
        found = {}
        for backbone in backbones:
            try:
                found[backbone] = _differences(name, backbone, device)
            except Exception as error:  # whatever it is, the other checks go on
                remark = f"FAILS: {type(error).__name__}: {error}".partition("\n")[0]
                report.add(f"{name}, {backbone}", None, "", remark)
        for check, limit in (
            ("two training steps as on the CPU", TRAINED_ALIKE),
            ("predictions as on the CPU", PREDICTED_ALIKE),
            ("captured steps as steps", TRAINED_ALIKE),
        ):
            values = {backbone: each[check] for backbone, each in found.items() if check in each}
            if not values:
                continue
            worst = max(values, key=lambda backbone: values[backbone])
            verdict = "passes" if values[worst] <= limit else "FAILS"
            remark = f"{verdict} (limit {limit:g}); worst: {worst}"
            report.add(f"{name}: {check}", values[worst], "relative", remark)
        not_captured = [backbone for backbone, each in found.items() if not each["captured"]]
        remark = f"not: {', '.join(not_captured)}" if not_captured else "all"
        report.add(f"{name}: captured", len(found) - len(not_captured), "backbones", remark)
    if device.type == "cuda":
        for what, wait in (("waits", _always), ("cannot be captured", _while_captured)):
            difference, remark = _of_a_step_that(wait, device)
            report.add(f"a step that {what} goes on as it is", difference, "relative", remark)


def _always() -> None:
    torch.ones((), device="cuda").item()


def _while_captured() -> None:
    if torch.cuda.is_current_stream_capturing():
        torch.cuda.synchronize()  # an error here


def _of_a_step_that(wait: Callable[[], None], device: torch.device) -> tuple[float, str]:
    """The difference of its outputs to those of eager steps."""
    dataset, run = (
        random_dataset(SHAPE, 8 * BATCH),
        config("sae", "fc", SETTINGS["sae"], {"batch_size": BATCH}),
    )
    eager, other = (Running(run, dataset, device, mode) for mode in ("eager", "captured"))
    loss = other.method.loss

    def waiting_loss(x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        wait()
        return loss(x_BQHW, y_B, progress)

    other.method.loss = waiting_loss  # type: ignore[method-assign]
    for each in (eager, other):
        torch.manual_seed(1)
        each.epoch()
    difference = _relative(_outputs(other), _outputs(eager))
    passes = difference <= TRAINED_ALIKE and not other.captured
    return difference, "passes" if passes else f"FAILS; captured: {other.captured}"


def _differences(name: str, backbone: str, device: torch.device) -> dict[str, float]:
    """Relative differences of outputs by check, and whether the step was captured."""
    dataset = random_dataset(SHAPE, 8 * BATCH)
    training = {"batch_size": BATCH}
    found: dict[str, float] = {}
    if name not in DRAWS_ALWAYS:
        settings = SETTINGS.get(name, {}) | WITHOUT_DRAWS.get(name, {})
        run = config(name, backbone, settings, training)
        two = random_dataset(SHAPE, 2 * BATCH)
        here, there = (Running(run, two, each, "numbers") for each in (_CPU, device))
        for each in (here, there):
            each.epoch()
        found["two training steps as on the CPU"] = _relative(_outputs(there), _outputs(here))
    run = config(name, backbone, SETTINGS.get(name), training)
    eager, captured = (Running(run, dataset, device, mode) for mode in ("eager", "captured"))
    for each in (eager, captured):
        torch.manual_seed(1)
        each.epoch()
    found["captured steps as steps"] = _relative(_outputs(captured), _outputs(eager))
    found["captured"] = captured.captured
    moved = copy.deepcopy(captured.method).eval().to(_CPU)
    found["predictions as on the CPU"] = _relative(
        _outputs(captured), _predicted(moved, captured, _CPU)
    )
    return found


def _outputs(running: Running) -> Tensor:
    return _predicted(running.method.eval(), running, running.device)


def _predicted(predictor: Predictor, running: Running, device: torch.device) -> Tensor:
    """Of the same images, with dropout off where it would draw."""
    rates = [(each, each.rate) for each in predictor.modules() if isinstance(each, AlwaysOnDropout)]
    for dropout, _ in rates:
        dropout.rate = 0.0
    images = torch.from_numpy(random_dataset(SHAPE, 64).test.images_BHWQ).permute(0, 3, 1, 2)
    normalise = Normalise(running.dataset, device)
    found = predict(predictor, images.to(device), normalise, seed=0, purpose="check")
    for dropout, rate in rates:
        dropout.rate = rate
    return found


def _relative(values: Tensor, reference: Tensor) -> float:
    return float((values - reference).norm() / reference.norm())
