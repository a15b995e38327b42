"""Hand-made studies: configurations in round numbers, and differences with a chosen interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bench.records.frames import DEPTH_KEYS, Frames

TASKS = {"retina": "regression"}
# What a metric is where a configuration does not say it.
DEFAULTS = {
    "classification": {"accuracy": 0.5, "f1": 0.5, "nll": 1.0, "ece": 0.1, "cc_ece": 0.1},
    "regression": {"mse": 0.1, "nll": 0.5, "coverage_error": 0.1},
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """One configuration: values on validation, on test (if they are others), costs.

    ``by_seed`` is added to every value, so that seeds can differ.
    """

    name: str
    category: str
    flops: float = 100.0
    params: float = 100.0
    n_inputs: float = 1.0
    n_exits: float = 1.0
    val: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    by_seed: Mapping[int, float] = field(default_factory=lambda: {0: 0.0, 1: 0.0})

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        task = TASKS.get(dataset, "classification")
        facts = {
            "config_id": self.name, "dataset": dataset, "task": task, "category": self.category,
            "label": f"label of {self.name}", "flops": self.flops, "params": self.params,
            "n_inputs": self.n_inputs, "n_exits": self.n_exits, "epochs": 3,
        }  # fmt: skip
        values = DEFAULTS[task] | dict(self.val)
        return [
            {**facts, "run_id": f"{self.name}-s{seed}", "seed": seed, "split": split}
            | {key: value + shift for key, value in of_split.items()}
            for seed, shift in self.by_seed.items()
            for split, of_split in (("val", values), ("test", values | dict(self.test)))
        ]


def frames(dataset: str, *configurations: Made, depth: pd.DataFrame | None = None) -> Frames:
    """The frames of one dataset."""
    return Frames(
        runs=pd.DataFrame([row for one in configurations for row in one.rows(dataset)]),
        depth=pd.DataFrame(columns=list(DEPTH_KEYS)) if depth is None else depth,
        failures=pd.DataFrame(),
    )


def joined(*studies: Frames) -> Frames:
    """The frames of several datasets."""
    return Frames(
        runs=pd.concat([study.runs for study in studies], ignore_index=True),
        depth=pd.concat([study.depth for study in studies], ignore_index=True),
        failures=pd.DataFrame(),
    )


def theta(dataset: str, thetas: Mapping[str, Sequence[Sequence[float]]]) -> pd.DataFrame:
    """The ``depth`` frame: for each run, theta of each input after the last of two epochs.

    A run is called <configuration>-s<seed>. After the first epoch theta is one-hot on exit 1, so
    that whoever reads the wrong epoch is found out.
    """
    rows = []
    for run_id, theta_ND in thetas.items():
        config_id, seed = run_id.rsplit("-s", 1)
        for n, theta_D in enumerate(theta_ND):
            for d, value in enumerate(theta_D, start=1):
                row = {
                    "run_id": run_id, "config_id": config_id, "dataset": dataset,
                    "category": "MIMO", "seed": int(seed), "n_inputs": len(theta_ND),
                    "n_exits": 1, "depth": len(theta_D), "input": n, "exit": d,
                }  # fmt: skip
                rows.append({**row, "epoch": 0, "progress": 0.5, "theta": float(d == 1)})
                rows.append({**row, "epoch": 1, "progress": 1.0, "theta": value})
    return pd.DataFrame(rows)


def differences_of(half_width: float, p: float = 0.001) -> Callable[..., pd.DataFrame]:
    """Stands in for ``bench.statistics.intervals.differences``.

    Estimates are the frames' own; every interval is as wide, and p is ``p`` where the interval
    does not hold 0, else 0.5. Holm's p is twice as large.
    """

    def differences(
        frames: Frames,
        config_ids: Collection[str],
        reference_id: str,
        *,
        splits: Sequence[str] = ("test",),
    ) -> pd.DataFrame:
        rows = []
        for split in splits:
            runs = frames.runs[frames.runs["split"] == split]
            by_id = {name: rows.set_index("seed") for name, rows in runs.groupby("config_id")}
            task = str(by_id[reference_id]["task"].iloc[0])
            for config_id in config_ids:
                for metric in DEFAULTS[task]:
                    both = by_id[config_id][metric] - by_id[reference_id][metric]
                    common = both.dropna()
                    estimate = float(common.mean())
                    low, high = estimate - half_width, estimate + half_width
                    chance = 0.5 if low <= 0 <= high else p
                    rows.append(
                        {
                            "config_id": config_id, "reference_id": reference_id, "split": split,
                            "metric": metric, "n_seeds": len(common), "estimate": estimate,
                            "low": low, "high": high, "p": chance, "p_holm": min(1.0, 2 * chance),
                        }
                    )  # fmt: skip
        return pd.DataFrame(rows)

    return differences
