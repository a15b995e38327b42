"""What claims choose from and how they judge: points are chosen on some seeds, judged on the rest.

A point that is the best of many on the networks at hand owes some of that to luck, and the luck of
a network is the same on validation and on test. So each seed is judged with the point that the
validation results of all other seeds choose, and the judged values of all seeds are averaged
(cross-fitting). The mean is what choosing with one seed fewer reaches on networks it has not seen.
Any two of these choices share all seeds but two, so that the judged values are correlated: the
variance over seeds is enlarged as Nadeau & Bengio (2003, "Inference for the generalization error")
do for cross-validation (`perf/claim_errors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from bench.metrics.table import direction_of, metrics_for
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.statistics.competing import competing
from bench.statistics.crossed import Component, Estimate
from bench.statistics.influence import Split
from bench.statistics.measured import NOTHING, Measured, Measurements, contrast

SAE_CATEGORIES = ("SE NN", "EE", "MIMO", "MIMMO", "I/B")
ENSEMBLE = "NN Ensemble"
# Data sets that are the first classes of a problem of the paper.
PARTS_OF = {"tinyimagenet40": "tinyimagenet"}

# (dataset, config_id, split, metric) -> its values; `bench.statistics.measured.Measurements`.
Measure = Callable[[str, str, Split, str], Measured]
Seeds = tuple[int, ...]
Weights = Mapping[str, float]
T = TypeVar("T")


def of_problems(frames: Frames) -> Frames:
    """The frames with a part of a problem under the problem's name, where the whole was not run.

    The scale beside each verdict has the number of its classes.
    """
    names = set(frames.runs["dataset"])
    alias = {part: whole for part, whole in PARTS_OF.items() if whole not in names}
    runs, depth = (
        table.assign(dataset=table["dataset"].replace(alias))
        for table in (frames.runs, frames.depth)
    )
    return replace(frames, runs=runs, depth=depth)


class Evidence:
    """The records of a study as claims read them.

    Args:
        frames: read from a results folder; see `of_problems`.
        measure: reads a metric of a configuration; None: from the folder's predictions.
    """

    def __init__(self, frames: Frames, measure: Measure | None = None) -> None:
        self.frames = of_problems(frames)
        self._measure = measure
        self._tables: dict[tuple[str, str], pd.DataFrame] = {}

    @cached_property
    def measure(self) -> Measure:
        """Reads a metric of a configuration by seed and group of images."""
        return self._measure or Measurements(self.frames)

    @cached_property
    def known(self) -> dict[str, pd.DataFrame]:
        """By dataset, the configurations that compete: those with all expected seeds.

        Indexed by config_id: category, label, n_inputs, n_exits, method, flops and params (the
        largest over seeds: what a user has to be ready for).
        """
        found = {}
        for dataset, runs in self.frames.runs.groupby("dataset", sort=True):
            table = competing(runs, ())
            by_id = runs[runs["config_id"].isin(table.index)].groupby("config_id")
            facts = by_id[["method", "n_inputs", "n_exits"]].first()
            if len(table):
                found[str(dataset)] = table.join(facts).join(by_id[list(COSTS)].max())
        return found

    @cached_property
    def _categories(self) -> dict[str, dict[str, pd.DataFrame]]:
        """By dataset and category the rows of `known`."""
        return {
            dataset: {str(name): rows for name, rows in table.groupby("category", sort=True)}
            for dataset, table in self.known.items()
        }

    def configurations(self, dataset: str, categories: Collection[str]) -> pd.DataFrame:
        """Those of some categories; without rows where the dataset has none."""
        known = self.known.get(dataset, pd.DataFrame(columns=["category", "n_inputs"]))
        return known[known["category"].isin(list(categories))]

    @cached_property
    def _tasks(self) -> dict[str, str]:
        return {
            str(d): str(t) for d, t in self.frames.runs.groupby("dataset")["task"].first().items()
        }

    def task(self, dataset: str) -> str:
        """The task of a dataset that has runs."""
        return self._tasks[dataset]

    def seeds(self, dataset: str) -> Seeds:
        """The seeds that all competing configurations of a dataset have."""
        table = self._table(dataset, "nll")
        return tuple(map(int, table.columns[table.notna().any(axis=0)]))

    def gains(self, dataset: str, metric: str, seeds: Collection[int]) -> pd.Series[float]:
        """The mean of `by_seed` over some seeds."""
        return self.by_seed(dataset, metric)[list(seeds)].mean(axis=1)

    def by_seed(self, dataset: str, metric: str) -> pd.DataFrame:
        """Validation values, rows config_id, columns seeds; higher is better.

        A configuration without a value in one of the seeds is left out.
        """
        return self.sign(dataset, metric) * self._table(dataset, metric).dropna()

    def _table(self, dataset: str, metric: str) -> pd.DataFrame:
        """Validation values: rows config_id, columns seeds."""
        if (dataset, metric) not in self._tables:
            runs = self.frames.runs
            val = runs[(runs["dataset"] == dataset) & (runs["split"] == "val")]
            val = val[val["config_id"].isin(self.known[dataset].index)]
            table = val.set_index(["config_id", "seed"])[metric].astype(float).unstack()  # noqa: PD010
            self._tables[dataset, metric] = table
        return self._tables[dataset, metric]

    def sign(self, dataset: str, metric: str) -> float:
        """1 where higher is better, -1 where lower is: a difference times it is a gain."""
        return 1.0 if direction_of(self.task(dataset), metric) == "higher" else -1.0

    def folds(self, dataset: str, choose: Callable[[Seeds], T]) -> dict[int, T]:
        """The choice of the other seeds, for each seed; empty where there is a single seed."""
        seeds = self.seeds(dataset)
        if len(seeds) < 2:
            return {}
        return {seed: choose(tuple(s for s in seeds if s != seed)) for seed in seeds}

    def chosen(self, dataset: str, metric: str, seeds: Seeds) -> dict[str, str]:
        """Each category's best configuration on validation of some seeds."""
        gains = self.gains(dataset, metric, seeds)
        found = {
            category: best(gains.reindex(rows.index), rows)
            for category, rows in self._categories[dataset].items()
        }
        return {category: one for category, one in found.items() if one is not None}

    def gained(
        self, dataset: str, folds: Mapping[int, Weights], metric: str, split: Split = "test"
    ) -> Measured:
        """A weighted sum of configurations at each seed, with the weights of that seed's fold.

        In the direction of the metric: higher is better. Without seeds where a value is missing.
        Its mean is to be judged by `cross_fitted`.
        """
        sign, parts = self.sign(dataset, metric), []
        for seed, weights in folds.items():
            terms = [
                (sign * weight, self.measure(dataset, config_id, split, metric))
                for config_id, weight in weights.items()
            ]
            if not all(seed in term.seeds for _, term in terms):
                return NOTHING
            parts.append(contrast([(weight, term.at([seed])) for weight, term in terms]))
        return stacked(parts)

    def describe(self, dataset: str, config_ids: Sequence[str]) -> str:
        """``I/B N=2 K=2 W=32 D=4``; several: each with how many seeds chose it."""
        table = self.known[dataset]
        counts = pd.Series(config_ids).value_counts(sort=False)
        names = [f"{table['category'][one]} {table['label'][one]}" for one in counts.index]
        if len(names) == 1:
            return names[0]
        times = [f"{name} ({n} seeds)" for name, n in zip(names, counts, strict=True)]
        return " or ".join(times)


def objectives(task: str) -> list[str]:
    """The metrics of a task that a search optimises: those that the paper reports."""
    return [metric.name for metric in metrics_for(task) if metric.objective]


def stacked(parts: Sequence[Measured]) -> Measured:
    """Values of single seeds as those of one quantity; without seeds where one is missing."""
    shapes = {part.influence_SG.shape for part in parts}
    if len(shapes) != 1 or not parts[0].seeds:
        return NOTHING
    return Measured(
        seeds=tuple(seed for part in parts for seed in part.seeds),
        values_S=np.concatenate([part.values_S for part in parts]),
        influence_SG=np.concatenate([part.influence_SG for part in parts]),
    )


def cross_fitted(judged: Measured) -> Estimate:
    """The mean over seeds each of which was judged with what the others chose.

    The seeds' part of its variance, s^2 / S, becomes s^2 (1 / S + 1 / (S - 1)).
    """
    found = judged.estimate
    if found.n_seeds < 2:
        return found
    seeds, *rest = found.components
    factor = 1 + found.n_seeds / (found.n_seeds - 1)
    enlarged = Component(variance=seeds.variance * factor, df=seeds.df)
    return replace(found, components=(enlarged, *rest))


def best(gains: pd.Series[float], costs: pd.DataFrame) -> str | None:
    """The config_id of the largest gain; equal ones go to fewer FLOPs. None without any."""
    flops = costs["flops"].to_dict()
    ordered = [
        (-gain, flops[config_id], str(config_id))
        for config_id, gain in gains.dropna().items()
        if config_id in flops
    ]
    return min(ordered)[-1] if ordered else None
