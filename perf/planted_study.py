"""Studies whose truth is known: what every configuration reaches is planted, chance is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bench.claims.evidence import Evidence, objectives
from bench.metrics.predictive import FloatArray
from bench.records.frames import DEPTH_KEYS, Frames
from bench.statistics.influence import N_GROUPS, Split
from bench.statistics.measured import NOTHING, Measured

TASKS = {"retina": "regression"}
# Of the variance over images: what is common to all networks.
SHARED = 0.7


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One configuration: what it is, costs, and reaches on average over networks and images."""

    name: str
    category: str
    flops: float = 100.0
    params: float = 100.0
    n_inputs: int = 1
    n_exits: int = 1
    truth: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What is drawn: ``image_se`` of one network's metric, and ``seed_sd`` between networks."""

    n_seeds: int = 4
    image_se: float = 0.01
    seed_sd: float = 0.01


def planted(
    rng: np.random.Generator,
    study: Mapping[str, Sequence[Planted]],
    chance: Chance,
    depth: pd.DataFrame | None = None,
) -> Evidence:
    """The evidence of a study: a network's luck is the same on validation, test and under shift.

    Args:
        rng: draws networks and images.
        study: by dataset its configurations.
        chance: how much is drawn.
        depth: the ``depth`` frame, see `theta_frame`.
    """
    rows: list[dict[str, Any]] = []
    values: dict[tuple[str, str, str], Measured] = {}
    for dataset, configurations in study.items():
        task = TASKS.get(dataset, "classification")
        shared = {
            metric: (rng.normal(0, np.sqrt(SHARED * N_GROUPS), N_GROUPS), rng.normal())
            for metric in objectives(task)
        }
        for one in configurations:
            of_split: dict[str, dict[str, FloatArray]] = {"val": {}, "test": {}, "ood": {}}
            for metric, (images_G, of_val) in shared.items():
                network_S = rng.normal(one.truth.get(metric, 0.5), chance.seed_sd, chance.n_seeds)
                own = rng.normal(0, np.sqrt((1 - SHARED) * N_GROUPS), (chance.n_seeds, N_GROUPS))
                moved_SG = chance.image_se * (images_G + own)
                noise_S = rng.normal(np.sqrt(SHARED) * of_val, np.sqrt(1 - SHARED), chance.n_seeds)
                of_split["val"][metric] = network_S + chance.image_se * noise_S
                test_S = network_S + moved_SG.mean(axis=1)
                of_split["test"][metric] = of_split["ood"][metric] = test_S
                values[dataset, one.name, metric] = Measured(
                    seeds=tuple(range(chance.n_seeds)),
                    values_S=test_S,
                    influence_SG=moved_SG - moved_SG.mean(axis=1, keepdims=True),
                )
            rows += [
                {
                    "dataset": dataset, "task": task, "config_id": one.name,
                    "run_id": f"{one.name}-s{seed}", "category": one.category,
                    "label": f"label of {one.name}", "method": "sae", "seed": seed,
                    "split": split, "flops": one.flops, "params": one.params,
                    "n_inputs": one.n_inputs, "n_exits": one.n_exits, "epochs": 3,
                    **{metric: value_S[seed] for metric, value_S in found.items()},
                }
                for split, found in of_split.items()
                for seed in range(chance.n_seeds)
            ]  # fmt: skip
    runs = pd.DataFrame(rows)
    frames = Frames(
        runs=runs,
        depth=pd.DataFrame(columns=list(DEPTH_KEYS)) if depth is None else depth,
        failures=pd.DataFrame(),
    )

    def measure(dataset: str, config_id: str, _split: Split, key: str) -> Measured:
        return values.get((dataset, config_id, key), NOTHING)

    return Evidence(frames, measure)


def theta_frame(
    dataset: str, theta: Mapping[str, Sequence[Sequence[float]]], optimum: float = 1.0
) -> pd.DataFrame:
    """The ``depth`` frame after the last of two epochs, by configuration and seed, of one input.

    After the first epoch theta is one-hot, so that whoever reads the wrong one is found out.

    Args:
        dataset: its name.
        theta: after the last epoch.
        optimum: exit 1's share where the objective was least half-way through; one-hot at the end.
    """
    rows = []
    for config_id, of_seeds in theta.items():
        for seed, theta_D in enumerate(of_seeds):
            for exit_, value in enumerate(theta_D, start=1):
                row = {
                    "run_id": f"{config_id}-s{seed}", "config_id": config_id, "dataset": dataset,
                    "category": "EE", "seed": seed, "n_inputs": 1, "n_exits": 2,
                    "depth": len(theta_D), "input": 0, "exit": exit_,
                }  # fmt: skip
                first = float(exit_ == 1)
                least = optimum if exit_ == 1 else (1 - optimum) / (len(theta_D) - 1)
                rows += [
                    {**row, "epoch": 0, "progress": 0.5, "theta": first, "optimum": least},
                    {**row, "epoch": 1, "progress": 1.0, "theta": value, "optimum": first},
                ]
    return pd.DataFrame(rows)
