"""Hypervolume of a search against its trials, and CPU seconds per proposal, by sampler.

    python -m perf.search_hypervolume [--trials 60] [--seeds 5] [--out docs/search]

Writes hypervolume.md and hypervolume.png. All samplers start from the same design in a seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import moocore
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, create_trial

from bench.search.design import first_design
from bench.search.proposals import propose
from bench.search.space import Params
from methods.core.seeding import derive_seed
from perf.closed_form import PROBLEMS, Problem

SAMPLERS = ("botorch", "tpe", "nsgaii", "random")
BATCH = 4

# Of each problem and sampler: the hypervolume after each trial, shape (seeds, trials), and the mean
# CPU seconds of a proposed point.
Found = Mapping[str, Mapping[str, tuple[npt.NDArray[np.float64], float]]]


def search(
    problem: Problem, sampler: str, *, n_trials: int, seed: int
) -> tuple[list[Sequence[float]], float]:
    """The objectives of a search's trials, in their order, and CPU seconds per proposed point."""
    points = first_design(
        problem.distributions,
        problem.cells,
        n=min(n_trials, 2 * len(problem.distributions) + 2),
        seed=seed,
        feasible=problem.feasible,
    )
    history = [_trial(problem, point) for point in points]
    designed, seconds = len(history), 0.0
    while len(history) < n_trials:
        start = time.process_time()
        points = propose(
            sampler,
            problem.distributions,
            problem.directions,
            history,
            n=min(BATCH, n_trials - len(history)),
            seed=derive_seed(seed, "batch", len(history)),
            feasible=problem.feasible,
        )
        seconds += time.process_time() - start
        history += [_trial(problem, point) for point in points]
    return [trial.values for trial in history], seconds / max(len(history) - designed, 1)


def _trial(problem: Problem, point: Params) -> FrozenTrial:
    return create_trial(
        params=dict(point),
        distributions=dict(problem.distributions),
        values=problem.evaluate(point),
    )


def hypervolumes(problem: Problem, values: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """The hypervolume between the front and the reference after each trial, shape (trials,)."""
    maximise = [direction == "maximize" for direction in problem.directions]
    volume = moocore.Hypervolume(ref=problem.reference, maximise=maximise)
    return np.array([volume(np.array(values[:count])) for count in range(1, len(values) + 1)])


def measure(problems: Mapping[str, Problem], *, n_trials: int, n_seeds: int) -> Found:
    """Search each problem with each sampler and seed."""
    found: dict[str, dict[str, tuple[npt.NDArray[np.float64], float]]] = {}
    for name, problem in problems.items():
        for sampler in SAMPLERS:
            searches = [search(problem, sampler, n_trials=n_trials, seed=s) for s in range(n_seeds)]
            curves = np.stack([hypervolumes(problem, values) for values, _ in searches])
            seconds = float(np.mean([each for _, each in searches]))
            found.setdefault(name, {})[sampler] = curves, seconds
    return found


def table(found: Found) -> str:
    """Markdown: the last hypervolume, mean and standard deviation over seeds; seconds a point."""
    lines = [
        "| problem | sampler | hypervolume | CPU s per proposed point |",
        "| --- | --- | ---: | ---: |",
    ]
    for name, by_sampler in found.items():
        for sampler, (curves, seconds) in by_sampler.items():
            last = curves[:, -1]
            cells = f"{last.mean():.4g} ± {last.std():.2g} | {seconds:.2g}"
            lines.append(f"| {name} | {sampler} | {cells} |")
    n_seeds, n_trials = curves.shape
    return "\n".join(lines) + f"\n\n{n_trials} trials, {n_seeds} seeds.\n"


def draw(found: Found) -> Figure:
    """The mean over seeds against trials, with one standard deviation."""
    figure = Figure(figsize=(2.3 * len(found), 2.4), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (name, by_sampler) in zip(axes, found.items(), strict=True):
        for sampler, (curves, _) in by_sampler.items():
            trials = np.arange(1, curves.shape[1] + 1)
            mean, spread = curves.mean(axis=0), curves.std(axis=0)
            axis.plot(trials, mean, label=sampler)
            axis.fill_between(trials, mean - spread, mean + spread, alpha=0.15)
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("Trials", fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("Hypervolume", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=7, frameon=False)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/search"))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    problems = {name: make() for name, make in PROBLEMS.items()}
    found = measure(problems, n_trials=options.trials, n_seeds=options.seeds)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "hypervolume.md").write_text(table(found))
    draw(found).savefig(options.out / "hypervolume.png", dpi=200)
    print(table(found))


if __name__ == "__main__":
    main()
