"""Which configuration stands for its category: chosen on validation alone. No torch."""

import pandas as pd

from bench.errors import UserError
from bench.metrics.table import TASKS, direction_of, keys_for, label_of
from bench.records.pareto import seed_means
from bench.records.seeds import competing

# A proper score of both tasks.
SELECTION_METRIC = "nll"


def checked(select: str) -> str:
    """The metric of ``--select`` itself.

    Raises:
        UserError: no task has such a metric, or neither more nor less of it is better.
    """
    known = dict.fromkeys(key for task in TASKS for key in _ordered(task))
    if select not in known:
        raise UserError(f"--select {select}: choose one of {', '.join(known)}")
    return select


def metric_of(task: str, select: str = SELECTION_METRIC) -> str:
    """The metric that chooses for a task: ``select``, or the NLL where the task lacks it."""
    return select if select in _ordered(task) else SELECTION_METRIC


def rule(task: str, select: str = SELECTION_METRIC) -> str:
    """The rule in words: "lowest validation NLL"."""
    metric = metric_of(task, select)
    end = "highest" if direction_of(task, metric) == "higher" else "lowest"
    return f"{end} validation {label_of(task, metric).replace(' (nats)', '')}"


def chosen_by_category(runs: pd.DataFrame, select: str = SELECTION_METRIC) -> pd.DataFrame:
    """Each category's configuration with the best mean validation value of the metric.

    A configuration without a run or a value in one of the seeds does not compete. A category that
    has no other stands with the one that has the most seeds: it is shown, and wins nothing.

    Args:
        runs: the ``runs`` frame of one dataset (``bench.records.frames``).
        select: key of the metric, see ``metric_of``.

    Returns:
        Columns category and config_id, cheapest first. Equal values go to fewer FLOPs.
    """
    val = runs[runs["split"] == "val"]
    if val.empty:
        return pd.DataFrame(columns=["category", "config_id"], dtype=object)
    task = str(runs["task"].iloc[0])
    metric = metric_of(task, select)
    measured = val.dropna(subset=[metric])
    by_id = measured.groupby("config_id")
    means = seed_means(val, [metric, "flops"]).droplevel("dataset")
    table = pd.DataFrame({"category": by_id["category"].first(), "seeds": by_id["seed"].nunique()})
    whole = means[metric].notna() & means.index.isin(competing(val))
    table = table.join(by_id[[metric, "flops"]].mean()).assign(whole=whole).reset_index()
    table.loc[table["whole"], "seeds"] = 0  # equal among themselves
    best = table.sort_values(
        ["whole", "seeds", metric, "flops", "config_id"],
        ascending=[False, False, direction_of(task, metric) == "lower", True, True],
    ).drop_duplicates("category")
    return best.sort_values(["flops", "category"])[["category", "config_id"]]


def _ordered(task: str) -> list[str]:
    """The keys of the metrics of a task that have a better and a worse."""
    return [key for key, metric in keys_for(task).items() if metric.kind != "diversity"]
