"""Claims on where the best (N, K) lies: cell averages, over metrics, data sets and N."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bench.claims.evidence import (
    SAE_CATEGORIES,
    Evidence,
    Seeds,
    Weights,
    best,
    cross_fitted,
    objectives,
    stacked,
)
from bench.claims.verdict import Finding, bounded, finding, no_data
from bench.metrics.table import label_of
from bench.statistics.measured import contrast

Cell = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What a cell may be best at: a metric on a data set."""

    dataset: str
    metric: str

    def text(self, evidence: Evidence) -> str:
        """``Accuracy on blood``."""
        return f"{label_of(evidence.task(self.dataset), self.metric)} on {self.dataset}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Two criteria, the best cell of each, and the spread between seeds that their gains are in."""

    criteria: tuple[Criterion, Criterion]
    cells: tuple[Cell, Cell]
    scales: tuple[float, float]


def within(evidence: Evidence, dataset: str) -> Finding:
    """The best cells of two metrics of one data set differ."""
    if not _cells(evidence, dataset):
        return no_data(f"no complete SAE configurations on {dataset}")
    metrics = objectives(evidence.task(dataset))
    return judge(evidence, [Criterion(dataset=dataset, metric=metric) for metric in metrics])


def across(evidence: Evidence, datasets: Sequence[str], metric: str = "nll") -> Finding:
    """The best cells of one metric on two data sets differ."""
    present = [dataset for dataset in datasets if _cells(evidence, dataset)]
    if len(present) < 2:
        return no_data("fewer than two data sets have complete SAE configurations")
    return judge(evidence, [Criterion(dataset=name, metric=metric) for name in present])


def judge(evidence: Evidence, criteria: Sequence[Criterion]) -> Finding:
    """The best cell by each of two criteria beats the best by the other, in its own criterion.

    A cell's value is the mean over its configurations (width, depth, schedules). Best cells and the
    two criteria are chosen on validation of the other seeds: the pair whose smaller gain, in
    standard deviations of a cell between seeds, is the largest. So there are two comparisons to
    judge, however many pairs there are. Where all criteria have the same best cell the gain is 0.
    """
    dataset = criteria[0].dataset
    seeds = sorted(set.intersection(*(set(evidence.seeds(one.dataset)) for one in criteria)))
    if len(seeds) < 2:
        return no_data(f"{dataset} has one seed: nothing is left to judge the choice on")
    if not any(len(_shared(*pair)) > 1 for pair in combinations(
        [_cell_gains(evidence, one, tuple(seeds)) for one in criteria], 2
    )):  # fmt: skip
        return no_data("no two criteria have two settings of N and K in common")
    folds = {s: choose(evidence, criteria, tuple(o for o in seeds if o != s)) for s in seeds}
    ids: set[str] = set()
    parts = []
    for i, name in enumerate(("first", "second")):
        rows = []
        for seed, choice in folds.items():
            own = choice.criteria[i]
            weights = _difference(evidence, own.dataset, choice.cells[i], choice.cells[1 - i])
            gained = evidence.gained(own.dataset, {seed: weights}, own.metric)
            rows.append(contrast([(1 / choice.scales[i], gained)]))
            ids |= set(weights)
        what = (
            f"gain of the {name} criterion's best cell in it over the other's, in SDs between seeds"
        )
        parts.append(bounded(what, cross_fitted(stacked(rows)), 0.0))
    chosen = pd.Series([_text(evidence, choice) for choice in folds.values()]).value_counts()
    remark = "; ".join(f"{text} ({count} seeds)" for text, count in chosen.items())
    return finding(parts, remark, sorted(ids))


def more_inputs(evidence: Evidence, dataset: str, metric: str = "nll") -> Finding:
    """The best configuration of several inputs is better than the best of one."""
    known = evidence.configurations(dataset, SAE_CATEGORIES)
    sides = [known[known["n_inputs"] > 1], known[known["n_inputs"] == 1]]
    if any(side.empty for side in sides):
        return no_data(f"{dataset} lacks complete SAE configurations of one or of several inputs")

    def choose_both(seeds: Seeds) -> Weights:
        gains = evidence.gains(dataset, metric, seeds)
        several, one = (best(gains.reindex(side.index), side) for side in sides)
        return {str(several): 1.0, str(one): -1.0}

    folds = evidence.folds(dataset, choose_both)
    if not folds:
        return no_data(f"{dataset} has one seed: nothing is left to judge the choice on")
    what = f"{label_of(evidence.task(dataset), metric)}, gain of N > 1 over N = 1 on test"
    part = bounded(what, cross_fitted(evidence.gained(dataset, folds, metric)), 0.0)
    pairs = [list(weights) for weights in folds.values()]
    names = [evidence.describe(dataset, [pair[i] for pair in pairs]) for i in (0, 1)]
    return finding([part], " against ".join(names), [one for pair in pairs for one in pair])


def _cells(evidence: Evidence, dataset: str) -> dict[Cell, list[str]]:
    """The complete SAE configurations of each (N, K)."""
    known = evidence.configurations(dataset, SAE_CATEGORIES)
    if known.empty:
        return {}
    found: dict[Cell, list[str]] = {}
    for config_id, n, k in zip(known.index, known["n_inputs"], known["n_exits"], strict=True):
        found.setdefault((int(n), int(k)), []).append(str(config_id))
    return found


def _cell_gains(evidence: Evidence, criterion: Criterion, seeds: Seeds) -> pd.DataFrame:
    """The mean validation gain over the configurations of each cell: rows cells, columns seeds."""
    known = evidence.configurations(criterion.dataset, SAE_CATEGORIES)
    table = evidence.by_seed(criterion.dataset, criterion.metric)[list(seeds)]
    table = table[table.index.isin(known.index)]
    return table.groupby([known["n_inputs"].astype(int), known["n_exits"].astype(int)]).mean()


def _shared(first: pd.DataFrame, second: pd.DataFrame) -> list[Cell]:
    """The cells that both have."""
    return sorted(set(first.index) & set(second.index))


def _spread(table: pd.DataFrame) -> float:
    """The standard deviation of a cell between seeds, pooled over cells; 1 where there is none."""
    spread = float(table.var(axis=1, ddof=1).mean()) ** 0.5
    return spread if spread > 0 else 1.0


def choose(evidence: Evidence, criteria: Sequence[Criterion], seeds: Seeds) -> Choice:
    """The pair of criteria whose best cells differ the most, see `judge`."""
    tables = [_cell_gains(evidence, one, seeds) for one in criteria]
    found = []
    for (one, first), (other, second) in combinations(zip(criteria, tables, strict=True), 2):
        shared = _shared(first, second)
        if len(shared) < 2:
            continue
        ours, theirs = (table.mean(axis=1).reindex(shared) for table in (first, second))
        cells = tuple(shared[int(mean.to_numpy().argmax())] for mean in (ours, theirs))
        scales = (_spread(first), _spread(second))
        gains = (
            (ours[cells[0]] - ours[cells[1]]) / scales[0],
            (theirs[cells[1]] - theirs[cells[0]]) / scales[1],
        )
        choice = Choice(criteria=(one, other), cells=(cells[0], cells[1]), scales=scales)
        found.append((min(gains), choice))
    return max(found, key=lambda pair: pair[0])[1]


def _difference(evidence: Evidence, dataset: str, ours: Cell, theirs: Cell) -> Weights:
    """The mean over the configurations of one cell minus that over another's."""
    cells = _cells(evidence, dataset)
    weights: dict[str, float] = {}
    for cell, sign in ((ours, 1.0), (theirs, -1.0)):
        for config_id in cells[cell]:
            weights[config_id] = weights.get(config_id, 0.0) + sign / len(cells[cell])
    return weights


def _text(evidence: Evidence, choice: Choice) -> str:
    names: Mapping[int, str] = {
        i: f"{choice.criteria[i].text(evidence)}: N={cell[0]} K={cell[1]}"
        for i, cell in enumerate(choice.cells)
    }
    return " and ".join(names.values())
