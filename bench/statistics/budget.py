"""Which method is the best at equal cost: what each would choose within a budget, and its quality.

Budgets are multiples of what a fixed network costs (`bench.statistics.reference`). A method's
configuration is chosen on validation among those within the budget; test and OOD are only shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from bench.metrics.table import direction_of, metrics_for
from bench.records.frames import Frames
from bench.records.selection import metric_of
from bench.statistics.competing import competing
from bench.statistics.crossed import FEWEST_SEEDS, LEVEL
from bench.statistics.measured import NOTHING, Measurements, columns, difference
from bench.statistics.reference import Reference, reference

MULTIPLES = (0.5, 1.0, 2.0, 4.0, 8.0)
# Every cost that can bound a budget; those that no run has are left out.
COSTS = ("flops", "params", "paper_flops", "paper_params", "eager_latency_ms")
COLUMNS = (
    "dataset", "cost", "multiple", "budget", "metric", "category", "config_id", "label",
    "cost_low", "cost_high", "n_seeds", "val", "test", "test_low", "test_high", "ood", "ood_low",
    "ood_high", "among_best",
)  # fmt: skip
# A network of just the budget is within it, whatever the rounding.
_SLACK = 1 + 1e-9


def costs_of(runs: pd.DataFrame) -> list[str]:
    """The costs that some run has, in the order of `COSTS`."""
    return [cost for cost in COSTS if cost in runs and runs[cost].notna().any()]


def objectives(task: str) -> list[str]:
    """The metrics that a budget is answered for: those that a search optimises."""
    return [metric.name for metric in metrics_for(task) if metric.objective]


def with_costs(runs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`competing` with the smallest and largest cost over seeds: <cost>_low, <cost>_high.

    Networks of one configuration may cost different amounts: SAE keeps the exits it has learned.
    """
    table = competing(runs, keys)
    grouped = runs[runs["config_id"].isin(table.index)].groupby("config_id")
    for cost in costs_of(runs):
        table[f"{cost}_low"], table[f"{cost}_high"] = grouped[cost].min(), grouped[cost].max()
    return table


def equal_cost(
    frames: Frames,
    *,
    select: str | None = None,
    metrics: Sequence[str] | None = None,
    costs: Sequence[str] = COSTS,
    ood: bool = True,
) -> pd.DataFrame:
    """What each category reaches within each budget, in `COLUMNS`.

    Args:
        frames: read from a results folder, whose predictions are read too.
        select: the validation metric that chooses (the NLL where a task lacks it); None: the
            metric of the row itself.
        metrics: which metrics; None: those of a search (`objectives`).
        costs: which of `COSTS` bound the budgets.
        ood: compute the columns of OOD too; they take most of the time, and are NaN otherwise.

    Returns:
        One row per dataset, cost, multiple, metric and category that has a configuration within the
        budget in all seeds. Only configurations with all expected seeds compete, equal values go to
        the cheaper one. ``budget`` is the multiple of the reference network's cost, ``cost_low``
        and ``cost_high`` the chosen one's smallest and largest over seeds; low and high are 95%
        intervals. ``among_best``: no other category of the same budget is better on test at 5%,
        corrected for the number of categories: the best one is among these in 95% of such studies
        (Hsu 1984, "Constrained simultaneous confidence intervals for multiple comparisons with the
        best"). With fewer than three seeds nothing can be told apart and all are marked.

    Raises:
        ValueError: frames without a folder, an unknown metric.
        UserError: predictions that are missing.
    """
    measurements = Measurements(frames)
    rows = [
        row
        for dataset, runs in frames.runs.groupby("dataset", sort=True)
        for row in _of_dataset(measurements, str(dataset), runs, select, metrics, costs, ood)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_dataset(
    measurements: Measurements,
    dataset: str,
    runs: pd.DataFrame,
    select: str | None,
    metrics: Sequence[str] | None,
    wanted: Sequence[str],
    ood: bool,
) -> Iterator[dict[str, Any]]:
    task = str(runs["task"].iloc[0])
    costs = [cost for cost in costs_of(runs) if cost in wanted]
    keys = list(metrics) if metrics is not None else objectives(task)
    found = reference(runs, costs)
    if found is None:
        return
    chooser = metric_of(task, select) if select else None
    table = with_costs(runs, [*dict.fromkeys([*keys, *([chooser] if chooser else [])])])
    for cost in costs:
        for multiple in MULTIPLES:
            budget = multiple * found.costs[cost]
            within = table[table[f"{cost}_high"] <= budget * _SLACK]
            for key in keys:
                chosen = chosen_within(within, task, chooser or key, cost)
                marked = among_best(measurements, dataset, task, key, list(chosen["config_id"]))
                for row in chosen.to_dict("records"):
                    config_id = str(row["config_id"])
                    yield {
                        "dataset": dataset, "cost": cost, "multiple": multiple, "budget": budget,
                        "metric": key, "category": row["category"], "config_id": config_id,
                        "label": row["label"], "cost_low": row[f"{cost}_low"],
                        "cost_high": row[f"{cost}_high"], "val": row[key],
                        "among_best": config_id in marked,
                        **_reached(measurements, dataset, task, config_id, key, ood),
                    }  # fmt: skip


def chosen_within(within: pd.DataFrame, task: str, metric: str, cost: str) -> pd.DataFrame:
    """Each category's best configuration of the validation metric, by category.

    Equal values go to the lower cost. Configurations without a value are left out.
    """
    known = within.dropna(subset=[metric]).reset_index()
    order = known.sort_values(
        [metric, f"{cost}_high", "config_id"],
        ascending=[direction_of(task, metric) == "lower", True, True],
    )
    return order.drop_duplicates("category").sort_values("category")


def _reached(
    measurements: Measurements, dataset: str, task: str, config_id: str, key: str, ood: bool
) -> dict[str, Any]:
    test = columns(measurements(dataset, config_id, "test", key), task, key)
    under_shift = measurements(dataset, config_id, "ood", key) if ood else NOTHING
    return {"n_seeds": test["n_seeds"]} | {
        name + end: values[source]
        for name, values in (("test", test), ("ood", columns(under_shift, task, key)))
        for end, source in (("", "estimate"), ("_low", "low"), ("_high", "high"))
    }


def among_best(
    measurements: Measurements, dataset: str, task: str, key: str, config_ids: Sequence[str]
) -> frozenset[str]:
    """The configurations that no other of them is shown to be better than on test.

    Each of the n - 1 comparisons of the truly best one with the others is one-sided, at
    5% / (n - 1): it is left out in at most 5% of studies.
    """
    sign = 1.0 if direction_of(task, key) == "higher" else -1.0
    values = [measurements(dataset, config_id, "test", key) for config_id in config_ids]
    level = 1 - 2 * (1 - LEVEL) / max(1, len(values) - 1)
    beaten = set()
    for one, ours in zip(config_ids, values, strict=True):
        for other, theirs in zip(config_ids, values, strict=True):
            found = difference(theirs, ours).estimate
            if other == one or found.n_seeds < FEWEST_SEEDS:
                continue
            if sign * found.value > found.half_width(level):
                beaten.add(one)
                break
    return frozenset(config_ids) - beaten


def references(frames: Frames) -> dict[str, Reference]:
    """What 1x is on each dataset that has a standard NN."""
    found = {
        str(dataset): reference(runs, costs_of(runs))
        for dataset, runs in frames.runs.groupby("dataset", sort=True)
    }
    return {dataset: one for dataset, one in found.items() if one is not None}
