"""Which run is exported: named by its id, or the best one on the validation front."""

from dataclasses import dataclass

import pandas as pd

from bench.errors import UserError
from bench.metrics.table import keys_for
from bench.records.costs import COSTS
from bench.records.pareto import front, seed_means
from bench.records.schema import FailedRun, FinishedRun
from bench.records.seeds import competing
from bench.records.store import Reader


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The best run: by which metric, and among which.

    Attributes:
        metric: key of `bench.metrics.table`.
        dataset, method, category: None: any; of several datasets one must be named.
        max_flops, max_params: largest costs; None: any.
    """

    metric: str
    dataset: str | None = None
    method: str | None = None
    category: str | None = None
    max_flops: float | None = None
    max_params: float | None = None


def named(store: Reader, run_id: str) -> FinishedRun:
    """The record of a finished run.

    Raises:
        UserError: there is none of that id, it is damaged, or it failed.
    """
    record = store.named(run_id)
    if isinstance(record, FailedRun):
        error = record.error
        raise UserError(
            f"run {run_id} failed ({error.type}: {error.message}): there is no network; "
            "run it again with `python -m bench.compare --retry-failed`"
        )
    return record


def best(runs: pd.DataFrame, wish: Wish) -> str:
    """The id of the run that a wish describes.

    Among the configurations within the limits, the one on the front of metric, FLOPs and
    parameters that is best by the metric; of its seeds, the lowest. All by validation means over
    seeds: the seed is not chosen by how well it did, and test is not looked at. Configurations
    that lack one of the dataset's seeds do not compete.

    Raises:
        UserError: a metric, dataset, method or category that there is not, or limits that no run
            is within.
    """
    rows = _of_one_dataset(runs[runs["split"] == "val"], wish)
    task = str(rows["task"].iloc[0])
    metrics = {key: m for key, m in keys_for(task).items() if m.kind != "diversity"}
    if wish.metric not in metrics:
        raise UserError(f"--best {wish.metric}: for {task} choose one of {', '.join(metrics)}")
    whole = competing(rows)
    for name in ("method", "category"):
        rows = _only(rows, name, getattr(wish, name))
    rows = rows[rows["config_id"].isin(whole)]
    if rows.empty:
        raise UserError("no such configuration has been run with every seed of the dataset")
    means = seed_means(rows, [wish.metric, *COSTS]).dropna()
    for cost, limit in (("flops", wish.max_flops), ("params", wish.max_params)):
        if limit is not None and not (means[cost] <= limit).any():
            raise UserError(
                f"--max-{cost} {limit:g}: no configuration is within it; the smallest has "
                f"{means[cost].min():g}"
            )
        means = means if limit is None else means[means[cost] <= limit]
    if means.empty:
        raise UserError("no configuration is within all limits, or has a value of the metric")
    direction = metrics[wish.metric].direction
    on_front = means[front(means.to_numpy(), [direction, "lower", "lower"])]
    order = on_front.sort_values(
        [wish.metric, *COSTS], ascending=[direction == "lower", True, True]
    )
    _, config_id = order.index[0]
    seeds = rows[rows["config_id"] == config_id].sort_values("seed")
    return str(seeds["run_id"].iloc[0])


def _of_one_dataset(rows: pd.DataFrame, wish: Wish) -> pd.DataFrame:
    if rows.empty:
        raise UserError("there are no finished runs; run `python -m bench.compare` first")
    rows = _only(rows, "dataset", wish.dataset)
    names = sorted(rows["dataset"].unique())
    if len(names) > 1:
        raise UserError(f"--dataset is needed: there are runs of {', '.join(names)}")
    return rows


def _only(rows: pd.DataFrame, column: str, value: str | None) -> pd.DataFrame:
    if value is None:
        return rows
    found = rows[rows[column] == value]
    if found.empty:
        choices = ", ".join(sorted(rows[column].unique()))
        raise UserError(f"--{column} {value!r}: there are no runs of it; choices: {choices}")
    return found
