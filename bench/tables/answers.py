"""What a study answers, in sentences: for each budget, against the ensemble, and how surely."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import pandas as pd

from bench.formatting import cells
from bench.metrics.table import label_of
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.selection import metric_of, rule
from bench.statistics.budget import MULTIPLES, chosen_within, with_costs
from bench.statistics.crossed import Estimate
from bench.statistics.measured import Measured, Measurements, columns, difference
from bench.statistics.reference import reference
from bench.statistics.selection import warnings_of

COST = "flops"
ENSEMBLE = "NN Ensemble"
_SLACK = 1 + 1e-9


def answers(frames: Frames) -> dict[str, tuple[str, ...]]:
    """The sentences of each dataset that was tested; the last may be a warning about selection.

    Every choice is made on validation, over all categories at once; test values, of the metric that
    chooses, are those of the choices.

    Raises:
        ValueError: frames without a folder.
        UserError: predictions that are missing.
    """
    warned, found = warnings_of(frames), {}
    measurements = Measurements(frames)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if (runs["split"] == "test").any():
            one = _Dataset(frames, str(dataset), runs, measurements)
            warning = [warned[str(dataset)]] if str(dataset) in warned else []
            found[str(dataset)] = (*one.by_budget(), *one.against_ensemble(), *warning)
    return found


class _Dataset:
    """One dataset: what competes, and its measurements."""

    def __init__(
        self, frames: Frames, name: str, runs: pd.DataFrame, measurements: Measurements
    ) -> None:
        self.name, self.runs, self.measurements = name, runs, measurements
        self.task = str(runs["task"].iloc[0])
        self.metric = metric_of(self.task, frames.select)
        self.label = label_of(self.task, self.metric).replace(" (nats)", "")
        self.rule = rule(self.task, frames.select)
        self.table = with_costs(runs, [self.metric])

    def best(self, within: pd.DataFrame) -> dict[str, Any] | None:
        """The best configuration on validation, of whichever category."""
        chosen = chosen_within(within.assign(category="any"), self.task, self.metric, COST)
        if chosen.empty:
            return None
        config_id = str(chosen["config_id"].iloc[0])
        row = {str(key): value for key, value in within.loc[config_id].items()}
        return {**row, "config_id": config_id}

    def by_budget(self) -> tuple[str, ...]:
        """What the budgets choose, neighbours with the same choice together."""
        base = reference(self.runs, COSTS)
        if base is None:
            return ("No standard NN was run: budgets have no reference network.",)
        choices = []
        for multiple in MULTIPLES:
            limit = multiple * base.costs[COST] * _SLACK
            choice = self.best(self.table[self.table[f"{COST}_high"] <= limit])
            if choice is not None:
                choices.append((multiple, choice))
        if not choices:
            return ("No configuration with all seeds is within the largest budget.",)
        parts = []
        for _, some in groupby(choices, key=lambda pair: pair[1]["config_id"]):
            group = list(some)
            first, last = group[0][0], group[-1][0]
            span = f"{first:g}x" if first == last else f"{first:g}x to {last:g}x"
            parts.append(f"{span}: {self._named(group[0][1])}, {self._value(group[0][1])}")
        return (
            (
                f"Best within a budget, by {self.rule}, with its test {self.label}: "
                f"{'; '.join(parts)}. {base.text}"
            ),
        )

    def against_ensemble(self) -> tuple[str, ...]:
        """The best other configuration within the ensemble's cost, and what cannot be told."""
        is_ensemble = self.table["category"] == ENSEMBLE
        rival = self.best(self.table[is_ensemble])
        if rival is None:
            return "No NN Ensemble with all seeds was run to compare with.", self._extent(None)
        others = self.table[~is_ensemble]
        ours = self.best(others[others[f"{COST}_high"] <= rival[f"{COST}_high"] * _SLACK])
        if ours is None:
            return "Nothing else within the ensemble's cost was run.", self._extent(None)
        found = difference(*(self._measured(row) for row in (ours, rival))).estimate
        low, high = found.interval()
        if math.isnan(low):
            tells = "no interval is known"
        elif low <= 0 <= high:
            tells = "the interval includes 0, so they are not told apart"
        else:
            tells = "the interval excludes 0"
        if found.n_seeds == 1:
            tells += " (one seed: about these two networks, not about the methods)"
        return (
            (
                f"Against the {ENSEMBLE} {rival['label']} "
                f"({cells.cost(rival[f'{COST}_high'])} FLOPs), the best other within its FLOPs, "
                f"{self._named(ours)} ({cells.cost(ours[f'{COST}_high'])}), differs in test "
                f"{self.label} by {cells.interval(found.value, low, high)}; {tells}."
            ),
            self._extent(found),
        )

    def _extent(self, found: Estimate | None) -> str:
        """Seeds, scale, and what these leave open."""
        seeds = int(self.table["n_seeds"].max()) if len(self.table) else 0
        epochs = sorted({int(value) for value in self.runs.get("epochs", pd.Series()).dropna()})
        trained = f", {'/'.join(map(str, epochs))} epochs" if epochs else ""
        text = (
            f"{seeds} seed{'s' * (seeds != 1)}, {len(self.table)} configurations{trained}: "
            "other data, longer training and wider grids may order them otherwise"
        )
        if found is not None and found.n_seeds > 1 and found.detectable() > 0:
            text += (
                f"; a difference in {self.label} below about {found.detectable():.2g} would mostly "
                "not be seen here"
            )
        return f"{text}."

    def _measured(self, row: dict[str, Any]) -> Measured:
        return self.measurements(self.name, str(row["config_id"]), "test", self.metric)

    def _named(self, row: dict[str, Any]) -> str:
        return f"{row['category']} {row['label']}"

    def _value(self, row: dict[str, Any]) -> str:
        found = columns(self._measured(row), self.task, self.metric)
        return cells.interval(found["estimate"], found["low"], found["high"])
