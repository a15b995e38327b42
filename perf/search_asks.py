"""CPU seconds per proposed point against the trials before it.

    python -m perf.search_asks [--quick] [--out docs/search]

Writes asks.md and asks.png. Batches of 8 on one thread; ours is `propose` as a search calls it,
the library's is optuna_integration's `qlogei_parego_candidates_func`, at a few sizes only.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import optuna
import torch
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, create_trial

from bench.search.design import first_design
from bench.search.proposals import propose
from perf.closed_form import Problem, dtlz2

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    from optuna_integration.botorch import BoTorchSampler, qlogei_parego_candidates_func

BATCH = 8
PARAMETERS = 10
OURS, LIBRARY = "ours", "library"

# Seconds per ask by (who, objectives, trials).
Seconds = Mapping[tuple[str, int, int], float]


def trials(problem: Problem, count: int) -> list[FrozenTrial]:
    """A history of so many trials."""
    return [
        create_trial(
            params=point,
            distributions=dict(problem.distributions),
            values=problem.evaluate(point),
        )
        for point in first_design(problem.distributions, (), n=count, seed=0)
    ]


def ask_ours(problem: Problem, history: Sequence[FrozenTrial]) -> int:
    """Propose a batch; its size."""
    propose("botorch", problem.distributions, problem.directions, history, n=BATCH, seed=0)
    return BATCH


def ask_library(problem: Problem, history: Sequence[FrozenTrial]) -> int:
    """One ask: the library starts anew for each, so that a batch costs no less an ask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = BoTorchSampler(
            candidates_func=qlogei_parego_candidates_func,
            n_startup_trials=0,
            consider_running_trials=True,
            seed=0,
        )
        study = optuna.create_study(directions=list(problem.directions), sampler=sampler)
        study.add_trials(history)
        study.ask(dict(problem.distributions))
    return 1


def seconds_per_ask(
    ask: Callable[[Problem, Sequence[FrozenTrial]], int], n_objectives: int, count: int
) -> float:
    """CPU seconds of one point: on one thread those of the clock, if nothing else runs."""
    problem = dtlz2(n_objectives, PARAMETERS, mixed=True)
    history = trials(problem, count)
    start = time.process_time()
    asked = ask(problem, history)
    return (time.process_time() - start) / asked


def measure(
    objectives: Sequence[int], counts: Sequence[int], library_counts: Sequence[int]
) -> dict[tuple[str, int, int], float]:
    """All sizes, after one ask that pays for the imports."""
    seconds_per_ask(ask_ours, min(objectives), min(counts))
    found = {}
    for n_objectives in objectives:
        for count in counts:
            found[OURS, n_objectives, count] = seconds_per_ask(ask_ours, n_objectives, count)
            if count in library_counts:
                seconds = seconds_per_ask(ask_library, n_objectives, count)
                found[LIBRARY, n_objectives, count] = seconds
    return found


def table(found: Seconds) -> str:
    """Markdown, with the ratio of the library's time to ours."""
    lines = [
        "| objectives | trials | seconds per ask | library's ParEGO | ratio |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for (who, n_objectives, count), ours in found.items():
        if who == OURS:
            library = found.get((LIBRARY, n_objectives, count))
            rest = f"{library:.2f} | {library / ours:.0f}" if library is not None else "|"
            lines.append(f"| {n_objectives} | {count} | {ours:.2f} | {rest} |")
    return "\n".join(lines) + "\n"


def draw(found: Seconds) -> Figure:
    """Seconds against trials, on a logarithmic axis."""
    figure = Figure(figsize=(3.3, 2.6), layout="constrained")
    axes = figure.subplots()
    for who, n_objectives in dict.fromkeys((who, count) for who, count, _ in found):
        points = [(t, s) for (w, m, t), s in found.items() if (w, m) == (who, n_objectives)]
        style = "o-" if who == OURS else "x--"
        axes.plot(*zip(*points, strict=True), style, label=f"{who}, {n_objectives} objectives")
    axes.set(xlabel="Trials", ylabel="Seconds per ask", yscale="log")
    axes.legend(frameon=False, fontsize=6)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Seconds per proposed point.")
    parser.add_argument("--out", type=Path, default=Path("docs/search"))
    parser.add_argument("--quick", action="store_true", help="two sizes, without the library")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if options.quick:
        found = measure((2, 7), (4, 12), ())
    else:
        found = measure((2, 5, 7), (10, 20, 40, 80, 150, 300), (20, 80))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "asks.md").write_text(table(found))
    draw(found).savefig(options.out / "asks.png", dpi=200)
    print(table(found))


if __name__ == "__main__":
    main()
