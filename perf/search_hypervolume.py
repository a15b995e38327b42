"""Hypervolume of a search against its trials, by sampler.

    python -m perf.search_hypervolume [--quick] [--trials 60] [--seeds 5] [--out docs/search]

Writes hypervolume.md and hypervolume.png. All samplers start from the same design in a seed.
"""

from __future__ import annotations

import argparse
import logging
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

_log = logging.getLogger(__name__)

SAMPLERS = ("botorch", "tpe", "nsgaii", "random")
BATCH = 4

# Of each problem and sampler: the hypervolume after each trial, shape (seeds, trials).
Curves = Mapping[str, Mapping[str, npt.NDArray[np.float64]]]


def search(problem: Problem, sampler: str, *, n_trials: int, seed: int) -> list[Sequence[float]]:
    """The objectives of a search's trials, in their order."""
    points = first_design(
        problem.distributions,
        problem.cells,
        n=min(n_trials, 2 * len(problem.distributions) + 2),
        seed=seed,
        feasible=problem.feasible,
    )
    history = [_trial(problem, point) for point in points]
    while len(history) < n_trials:
        points = propose(
            sampler,
            problem.distributions,
            problem.directions,
            history,
            n=min(BATCH, n_trials - len(history)),
            seed=derive_seed(seed, "batch", len(history)),
            feasible=problem.feasible,
        )
        history += [_trial(problem, point) for point in points]
    return [trial.values for trial in history]


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


def curves(problems: Mapping[str, Problem], *, n_trials: int, n_seeds: int) -> Curves:
    """Search each problem with each sampler and seed."""
    found: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for name, problem in problems.items():
        found[name] = {}
        for sampler in SAMPLERS:
            found[name][sampler] = np.stack(
                [
                    hypervolumes(problem, search(problem, sampler, n_trials=n_trials, seed=seed))
                    for seed in range(n_seeds)
                ]
            )
            _log.info("%s, %s: %s", name, sampler, found[name][sampler][:, -1].round(3))
    return found


def table(found: Curves) -> str:
    """Markdown: the last hypervolume, mean and standard deviation over seeds."""
    samplers = list(next(iter(found.values())))
    lines = ["| problem | trials | seeds | " + " | ".join(samplers) + " |"]
    lines.append("| --- | ---: | ---: |" + " ---: |" * len(samplers))
    for name, by_sampler in found.items():
        n_seeds, n_trials = by_sampler[samplers[0]].shape
        cells = [
            f"{by_sampler[sampler][:, -1].mean():.4g} ± {by_sampler[sampler][:, -1].std():.2g}"
            for sampler in samplers
        ]
        lines.append(f"| {name} | {n_trials} | {n_seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(found: Curves) -> Figure:
    """The mean over seeds against trials, with one standard deviation."""
    figure = Figure(figsize=(3.3 * len(found), 2.6), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (name, by_sampler) in zip(axes, found.items(), strict=True):
        for sampler, curve in by_sampler.items():
            trials = np.arange(1, curve.shape[1] + 1)
            mean, spread = curve.mean(axis=0), curve.std(axis=0)
            axis.plot(trials, mean, label=sampler)
            axis.fill_between(trials, mean - spread, mean + spread, alpha=0.15)
        axis.set(title=name, xlabel="Trials", ylabel="Hypervolume")
    axes[0].legend(frameon=False)
    return figure


def write(found: Curves, out: Path, stem: str) -> None:
    """Table and figure into ``out``; the table on standard output too."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{stem}.md").write_text(table(found))
    draw(found).savefig(out / f"{stem}.png", dpi=200)
    print(table(found))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Hypervolume of a search by sampler.")
    parser.add_argument("--out", type=Path, default=Path("docs/search"))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few trials, two seeds")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    _log.setLevel(logging.INFO)
    torch.set_num_threads(1)
    found = curves(
        {name: make() for name, make in PROBLEMS.items()},
        n_trials=24 if options.quick else options.trials,
        n_seeds=2 if options.quick else options.seeds,
    )
    write(found, options.out, "hypervolume")


if __name__ == "__main__":
    main()
