"""The summary a user sees at the end: per dataset, the configuration each category would choose.

Every choice is made on validation; test and corrupted data are only shown. No torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import direction_of, label_of
from bench.records.frames import Frames
from bench.records.pareto import selected
from bench.records.selection import chosen_by_category
from bench.records.store import write_file

# (split, metric) columns of each task.
COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "classification": (
            ("test", "accuracy"), ("test", "f1"), ("test", "nll"), ("test", "ece"),
            ("ood", "accuracy"), ("ood", "nll"), ("ood", "ece"),
        ),
        "regression": (
            ("test", "mse"), ("test", "mae"), ("test", "nll"), ("test", "coverage_error"),
            ("ood", "mse"), ("ood", "nll"), ("ood", "coverage_error"),
        ),
    }
)  # fmt: skip
REFERENCE = "Standard NN"
LEGEND = (
    "One row a category: its configuration of the lowest validation NLL, mean +- standard "
    "deviation over seeds. OOD: mean over all corruptions and severities of the test split. "
    "FLOPs are fused multiply-adds for one image; (x) is relative to the standard NN of this "
    "table. * best value of a column; P on the validation Pareto front over performance, "
    "calibration, FLOPs and parameters."
)


def tables(frames: Frames) -> Iterator[Table]:
    """The summary of each dataset with test results, as files."""
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "test").any():
            continue
        yield Table(
            stem=f"summary_{dataset}",
            caption=f"{dataset}: the configuration that each method would choose.",
            numbers=summary_numbers(runs),
            cells=summary_table(runs),
            notes=(LEGEND,),
        )


def summary_numbers(runs: pd.DataFrame) -> pd.DataFrame:
    """What ``summary_table`` writes as text.

    Args:
        runs: the ``runs`` frame of one dataset.

    Returns:
        One row a category: category, config_id, label, n_seeds, for each of ``COLUMNS``
        <split>_<metric> and <split>_<metric>_std, then flops, params and pareto.
    """
    task = str(runs["task"].iloc[0])
    choice = chosen_by_category(runs).reset_index(drop=True)
    on_front = selected(runs).get(str(runs["dataset"].iloc[0]), frozenset())
    by_id = runs.groupby("config_id")
    table = choice.join(
        by_id.agg(label=("label", "first"), n_seeds=("seed", "nunique")), on="config_id"
    )
    for split, metric in COLUMNS[task]:
        values = runs[runs["split"] == split].groupby("config_id")[metric]
        name = f"{split}_{metric}"
        summary = pd.DataFrame({name: values.mean(), f"{name}_std": values.std()})
        table = table.join(summary, on="config_id")
    table = table.join(by_id[["flops", "params"]].mean(), on="config_id")
    return table.assign(pareto=table["config_id"].isin(list(on_front)))


def summary_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of one dataset as text cells.

    Args:
        runs: the ``runs`` frame of one dataset.

    Returns:
        One row a category; the columns of ``COLUMNS`` for its task, then costs and marks.
    """
    task = str(runs["task"].iloc[0])
    choice = chosen_by_category(runs)
    on_front = selected(runs).get(str(runs["dataset"].iloc[0]), frozenset())
    rows = [runs[runs["config_id"] == config_id] for config_id in choice["config_id"]]
    expected = int(runs.groupby("config_id")["seed"].nunique().max())
    table = pd.DataFrame(
        {
            "Method": list(choice["category"]),
            "Configuration": [group["label"].iloc[0] for group in rows],
            "Seeds": [cells.seeds(group["seed"].nunique(), expected) for group in rows],
        }
    )
    for split, metric in COLUMNS[task]:
        name = label_of(task, metric).removesuffix(" (nats)")
        heading = name if split == "test" else f"OOD {name}"
        values = [group.loc[group["split"] == split, metric] for group in rows]
        table[heading] = _cells(values, direction_of(task, metric))
    for cost, heading in (("flops", "FLOPs"), ("params", "Parameters")):
        means = [float(group[cost].mean()) for group in rows]
        base = dict(zip(choice["category"], means, strict=True)).get(REFERENCE)
        table[heading] = [_cost_cell(value, base) for value in means]
    table["Pareto"] = ["P" if c in on_front else "" for c in choice["config_id"]]
    return table


def summary_markdown(runs: pd.DataFrame, notes: list[str]) -> str:
    """All datasets' tables with the legend, and ``notes`` (what was skipped, what failed)."""
    parts = []
    for dataset, rows in runs.groupby("dataset", sort=True):
        n_runs, n_configs = rows["run_id"].nunique(), rows["config_id"].nunique()
        parts.append(f"## {dataset} ({n_configs} configurations, {n_runs} runs)")
        parts.append(summary_table(rows).to_markdown(index=False, disable_numparse=True))
    if parts:
        parts.append(LEGEND)
    return "\n\n".join([*parts, *notes]) + "\n"


def _cells(values: list[pd.Series], direction: str) -> list[str]:
    """Mean +- std of each group; the best mean carries a star."""
    means = [float(group.mean()) for group in values]
    texts = [f"{mean:.3f}" for mean in means]
    stds = [f" +- {group.std():.3f}" if len(group) > 1 else "" for group in values]
    measured = [mean for mean in means if mean == mean]
    if not measured:
        return texts
    best = f"{max(measured) if direction == 'higher' else min(measured):.3f}"
    # Compared as printed: two values that read the same are equally best to the reader.
    return [
        f"{text}{std}{' *' if text == best else ''}" for text, std in zip(texts, stds, strict=True)
    ]


def _cost_cell(value: float, base: float | None) -> str:
    text = cells.cost(value)
    return text if base is None else f"{text} ({value / base:.2f}x)"


def write_summary(results: Path, runs: pd.DataFrame, text: str) -> None:
    """Write ``summary.csv`` (every record, one row a run and split) and ``summary.md``.

    Raises:
        StorageError: the results folder can not be written; the old files stay whole.
    """
    write_file(results / "summary.csv", runs.to_csv(index=False).encode())
    write_file(results / "summary.md", text.encode())
