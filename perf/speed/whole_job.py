"""The whole job, from the command to the last record: ours, a plain loop, Lightning, another."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import math
import shlex
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from perf.speed.job import Answer, Job
from perf.speed.part import Measured
from perf.speed.problems import PROBLEMS
from perf.speed.processes import seconds
from perf.speed.row import Row

_log = logging.getLogger(__name__)

JOBS = ("pneumonia", "blood", "retina")
OURS, PLAIN, LIGHTNING = "ours", "plain loop", "Lightning"
MODULES = {OURS: "our_job", PLAIN: "plain_job", LIGHTNING: "lightning_job"}
WORKERS = 2


def measure(problem: str, *, quick: bool, other: tuple[str, str] | None = None) -> Measured:
    """All sides in turns, each in fresh processes.

    Args:
        problem: of `PROBLEMS`.
        quick: rough.
        other: another framework's label, and its command for one seed with {seed} and {epochs}.
    """
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
        if other:
            label, command = other
            taken.setdefault(label, []).append(run_other(command, job))
    rows = _rows(job, timed.label, taken, answers)
    data = {"label": timed.label, "seconds": taken, "answers": answers}
    return Measured(rows=rows, data=data)


def run_side(side: str, job: Job) -> tuple[float, Answer]:
    """Seconds of one side's process, and its answer; the others load data as by default, inside."""
    job = dataclasses.replace(job, workers=WORKERS if side == OURS else 0)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        wall = seconds(job.command(f"perf.speed.{MODULES[side]}", answer))
        found: Answer = json.loads(answer.read_text())
    return wall, found


def run_other(command: str, job: Job) -> float:
    """Seconds of a command that trains one network, for all seeds one after another."""
    return sum(
        seconds(shlex.split(command.format(seed=seed, epochs=job.epochs)))
        for seed in range(job.seeds)
    )


def _rows(
    job: Job,
    label: str,
    taken: Mapping[str, Sequence[float]],
    answers: Mapping[str, Answer],
) -> list[Row]:
    what = f"{job.problem}, SAE-{label}, {job.seeds} seeds x {job.epochs} epochs"
    rows = []
    for side, walls in taken.items():
        remark = f"median of {len(walls)}"
        if side in answers and side != OURS:
            remark += f"; {quality(answers[OURS], answers[side])}"
        if side == OURS:
            remark += f"; {WORKERS} workers; all with start-up and validation, without corruptions"
        rows.append(
            Row(quantity=f"{what}: {side}", value=statistics.median(walls), unit="s", remark=remark)
        )
    for side, walls in taken.items():
        if side == OURS:
            continue
        ratios = [b / a for a, b in zip(taken[OURS], walls, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f} over rounds" if ratios[1:] else ""
        quantity = f"{what}: {side} / ours"
        rows.append(
            Row(quantity=quantity, value=statistics.median(ratios), unit="x", remark=spread)
        )
    return rows


def quality(ours: Answer, other: Answer) -> str:
    """Validation means of a side and ours, and their difference in standard errors."""
    name = "accuracy" if "accuracy" in ours[0] else "mse"
    one, two = (_defined(answer[name] for answer in side) for side in (ours, other))
    means = f"val {name} {statistics.mean(two):.4f}, ours {statistics.mean(one):.4f}"
    if len(one) < 2:
        return means
    error = math.sqrt((statistics.variance(one) + statistics.variance(two)) / len(one))
    apart = abs(statistics.mean(one) - statistics.mean(two))
    return f"{means} ({apart / error if error else 0:.1f} SE apart)"


def _defined(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
