"""Hypervolume of a search on genuine data against its trials: the default sampler and random.

    SAE_BENCH_DATA=FOLDER python -m perf.search_pneumonia --results FOLDER
        [--trials 48] [--seeds 3] [--epochs 20] [--samplers botorch,random] [--out docs/search]

SAE on PneumoniaMNIST, quick preset, validation alone. In a seed all samplers start from the same
design. Writes pneumonia.md and pneumonia.png. What RESULTS has is not trained again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from optuna.trial import FrozenTrial
from tqdm import tqdm

from bench.runs.execute import Engine, engine, prepare_process
from bench.runs.plan import Request
from bench.runs.settings import Context
from bench.search.history import open_history
from bench.search.objectives import Bounds, Objective, for_model, objectives_for
from bench.search.studies import Search, studies
from bench.search.trials import run_trials
from perf.closed_form import Problem
from perf.search_hypervolume import hypervolumes, write

DATASET, METHOD, TASK = "pneumonia", "sae", "classification"


def trials_of(
    sampler: str, seed: int, options: argparse.Namespace, context: Context, where: Engine
) -> list[FrozenTrial]:
    """The trials of one search."""
    search = Search(
        request=Request(
            datasets=[DATASET],
            methods=[METHOD],
            seeds=[seed + 1],  # nothing is tested here
            preset="quick",
            assignments=[f"epochs={options.epochs}"],
        ),
        n_trials=options.trials,
        sampler=sampler,
        budget="equal",
        batch=options.batch,
        bounds=Bounds(),
        seed=seed,
        storage=None,
    )
    (study,) = studies(search, context)
    directions = [objective.direction for objective in study.plan.objectives]
    with (
        tqdm(total=options.trials, desc=f"{sampler}, seed {seed}") as bar,
        open_history(
            context.store.root, study.name, directions=directions, storage=None, facts=study.facts
        ) as history,
    ):
        run_trials(study.plan, history, where, context.store, bar.update)
        return history.trials()[: options.trials]


def scaled(
    trials: Mapping[str, Sequence[Sequence[FrozenTrial]]], objectives: Sequence[Objective]
) -> dict[str, list[npt.NDArray[np.float64]]]:
    """The objectives of every search between 0 (best seen by any) and 1 (worst), costs as logs."""
    signs = np.array([1.0 if o.direction == "minimize" else -1.0 for o in objectives])
    values = {
        sampler: [
            # A failed trial has found nothing: it stands at the worst corner.
            np.array([
                for_model(t.values, objectives) if t.values else [np.nan] * len(objectives)
                for t in one
            ]) * signs
            for one in searches
        ]
        for sampler, searches in trials.items()
    }  # fmt: skip
    every = np.concatenate([one for searches in values.values() for one in searches])
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    return {
        sampler: [np.nan_to_num((one - low) / (high - low), nan=1.0) for one in searches]
        for sampler, searches in values.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Hypervolume of a search on PneumoniaMNIST.")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/search"))
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--samplers", default="botorch,random")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    prepare_process()
    context = Context(results=options.results, data=None, device="cpu", stage="search")
    found: dict[str, list[list[FrozenTrial]]] = {}
    with engine(context, workers=options.workers) as where:
        for sampler in options.samplers.split(","):
            found[sampler] = [
                trials_of(sampler, seed, options, context, where) for seed in range(options.seeds)
            ]
    objectives = objectives_for(TASK)
    problem = Problem(
        distributions={},
        directions=["minimize"] * len(objectives),
        reference=[1.1] * len(objectives),
        evaluate=lambda _: (),
    )
    curves = {
        sampler: np.stack([hypervolumes(problem, one.tolist()) for one in searches])
        for sampler, searches in scaled(found, objectives).items()
    }
    write({f"{METHOD} on {DATASET} (7 objectives)": curves}, options.out, "pneumonia")


if __name__ == "__main__":
    main()
