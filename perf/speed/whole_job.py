"""The whole job, from the command to the last record: ours, a plain loop, Lightning."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import logging
import math
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path

from perf.speed.job import Answer, Job
from perf.speed.part import Measured
from perf.speed.problems import PROBLEMS
from perf.speed.processes import seconds
from perf.speed.row import Row
from perf.speed.step import floor_of_training

_log = logging.getLogger(__name__)

OURS, PLAIN, LIGHTNING = "ours", "plain loop", "Lightning"
MODULES = {OURS: "our_job", PLAIN: "plain_job", LIGHTNING: "lightning_job"}
# What the issue asks for of the whole job on pneumonia.
TARGETS = {LIGHTNING: 12.0, PLAIN: 3.3}
WORKERS = 2


def of_pneumonia(*, quick: bool) -> Measured:
    """4 seeds of 20 epochs of SAE-FC (N=2, K=2, D=4, W=128)."""
    return measure("pneumonia", TARGETS, quick=quick)


def of_blood(*, quick: bool) -> Measured:
    """SAE-VGG, shortened."""
    return measure("blood", {}, quick=quick)


def of_retina(*, quick: bool) -> Measured:
    """SAE-ViT, shortened."""
    return measure("retina", {}, quick=quick)


def measure(problem: str, targets: dict[str, float], *, quick: bool) -> Measured:
    """All sides in turns, each in fresh processes."""
    timed = PROBLEMS[problem]
    epochs = min(timed.epochs, 2) if quick else timed.epochs
    n_seeds = min(timed.seeds, 2) if quick else timed.seeds
    job = Job(problem=problem, epochs=epochs, seeds=n_seeds)
    sides = [OURS, PLAIN, LIGHTNING]
    if importlib.util.find_spec("lightning") is None:
        sides.remove(LIGHTNING)
    taken: dict[str, list[float]] = {side: [] for side in sides}
    answers: dict[str, Answer] = {}
    for turn in range(1 if quick else timed.rounds):
        # In another order each time: none always follows the same one.
        for side in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
            wall, answers[side] = run_side(side, job)
            taken[side].append(wall)
            _log.info("%s, %s: %.1f s", problem, side, wall)
    rows = _rows(job, timed.label, taken, answers, targets)
    data = {"job": job.__dict__, "label": timed.label, "seconds": taken, "answers": answers}
    return Measured(rows=rows, data=data)


def run_side(side: str, job: Job, *, workers: int = WORKERS) -> tuple[float, Answer]:
    """Seconds of one side's process, and its answer; the others load data as by default, inside."""
    job = dataclasses.replace(job, workers=workers if side == OURS else 0)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        wall = seconds(job.command(f"perf.speed.{MODULES[side]}", answer))
        found: Answer = json.loads(answer.read_text())
    return wall, found


def _rows(
    job: Job,
    label: str,
    taken: dict[str, list[float]],
    answers: dict[str, Answer],
    targets: dict[str, float],
) -> list[Row]:
    what = f"{job.problem}, SAE-{label}, {job.seeds} seeds x {job.epochs} epochs"
    middle = {side: statistics.median(walls) for side, walls in taken.items()}
    rows = [
        Row(
            quantity=f"{what}: {side}",
            value=middle[side],
            unit="s",
            remark=f"median of {len(taken[side])}; with start-up and validation after each epoch"
            + ("; without corruptions, as the other sides" if side == OURS else ""),
        )
        for side in taken
    ]
    for side in (LIGHTNING, PLAIN):
        ratios = [b / a for a, b in zip(taken[OURS], taken.get(side, []), strict=False)]
        row = Row(
            quantity=f"{what}: {side} / ours",
            value=statistics.median(ratios) if ratios else None,
            unit="x",
            target=targets.get(side),
            bound="at least",
            remark=_spread(ratios) if ratios else "lightning is not installed",
        )
        if row.met is False:
            binds = _binds(job, middle[OURS], middle[side])
            row = dataclasses.replace(row, binds=binds)
        rows.append(row)
    return rows + [_quality(what, side, answers) for side in answers if side != OURS]


def _spread(ratios: list[float]) -> str:
    return f"{min(ratios):.2f} to {max(ratios):.2f} over rounds" if len(ratios) > 1 else "one round"


@functools.cache
def _least(job: Job) -> tuple[float, float]:
    """What no code between the products can save, in seconds: the start, and the products."""
    start_s, _ = run_side(OURS, Job(problem=job.problem, epochs=1, seeds=1))
    return start_s, floor_of_training(job.problem, epochs=job.epochs) * job.seeds / WORKERS


def _binds(job: Job, ours_s: float, other_s: float) -> str:
    """What our side takes at least, and what that would make of the ratio to the other."""
    start_s, products_s = _least(job)
    return (
        f"one seed of one epoch takes ours {start_s:.1f} s of the {ours_s:.1f} s: start of Python, "
        "torch and the workers, which does not shrink with the steps. The bare products of all "
        f"steps, called one by one, would take {products_s:.1f} s on {WORKERS} undisturbed cores: "
        f"with nothing else it would be {other_s / (start_s + products_s):.1f}x"
    )


def _defined(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _quality(what: str, side: str, answers: dict[str, Answer]) -> Row:
    """Whether a side trains to the same quality: difference of means in standard errors."""
    name = "accuracy" if "accuracy" in answers[OURS][0] else "mse"
    ours, other = (_defined(a[name] for a in answers[s]) for s in (OURS, side))
    means = f"{statistics.mean(ours):.4f} (ours) and {statistics.mean(other):.4f}"
    if len(ours) < 2:
        return Row(
            quantity=f"{what}: validation {name} of {side} and ours", value=None, unit="",
            remark=f"{means}; one seed has no error",
        )  # fmt: skip
    error = math.sqrt((statistics.variance(ours) + statistics.variance(other)) / len(ours))
    apart = abs(statistics.mean(ours) - statistics.mean(other))
    return Row(
        quantity=f"{what}: validation {name}, {side} against ours, in standard errors",
        value=apart / error if error else 0.0,
        unit="",
        target=3.0,
        remark=f"means of {len(ours)} seeds: {means}; standard error of the difference {error:.4f}",
        binds="the sides do not train to the same quality: their times do not compare",
    )
