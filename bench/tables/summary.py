"""The summary a user sees at the end: per dataset, the configuration each category would choose.

Every choice is made on validation; test and corrupted data are only shown. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from bench.console import command
from bench.formatting import cells
from bench.formatting.rendering import grid
from bench.formatting.safe_csv import to_csv
from bench.formatting.table import Table
from bench.metrics.table import direction_of, label_of
from bench.records.costs import COSTS
from bench.records.frames import Frames
from bench.records.pareto import seed_means, selected
from bench.records.seeds import expected_seeds, seed_costs
from bench.records.selection import SELECTION_METRIC, chosen_by_category, rule
from bench.records.store import write_file
from bench.statistics.reference import Reference, reference
from bench.statistics.selection import warnings_of

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


def legend(task: str, select: str = SELECTION_METRIC) -> str:
    """What stands in the table's cells."""
    return (
        f"One row per category: its configuration of the {rule(task, select)}, mean +- standard "
        "deviation over seeds. OOD: mean over all corruptions and severities of the test split. "
        "FLOPs are fused multiply-adds for one image, a range where seeds differ in what they "
        "keep; (x) is relative to the data set's reference network (1x). Rows cost different "
        f"amounts: `{command.line('tables budget')}` compares at equal cost. * best value of a "
        "column; P on the validation Pareto front over performance, calibration, FLOPs and "
        "parameters; rows without all seeds compete for neither."
    )


def tables(frames: Frames) -> Iterator[Table]:
    """The summary of each dataset with test results, as files."""
    warned = warnings_of(frames)
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        if not (runs["split"] == "test").any():
            continue
        task, base = str(runs["task"].iloc[0]), reference(runs, COSTS)
        numbers = summary_numbers(runs, frames.select)
        yield Table(
            stem=f"summary_{dataset}",
            caption=f"{dataset}: the configuration that each method would choose.",
            numbers=numbers,
            cells=_cells(numbers, task, base),
            notes=(
                legend(task, frames.select),
                *([base.text] if base else []),
                *([warned[str(dataset)]] if str(dataset) in warned else []),
            ),
        )


def summary_numbers(runs: pd.DataFrame, select: str = SELECTION_METRIC) -> pd.DataFrame:
    """What ``summary_table`` writes as text.

    Args:
        runs: the ``runs`` frame of one dataset.
        select: the metric that chooses on validation.

    Returns:
        One row per category: category, config_id, label, n_seeds, expected_seeds, for each of
        ``COLUMNS`` <split>_<metric> and <split>_<metric>_std, for each cost its mean, <cost>_min
        and <cost>_max over seeds, pareto. A mean is NaN where a seed has no value.
    """
    task = str(runs["task"].iloc[0])
    table = chosen_by_category(runs, select).reset_index(drop=True)
    runs = runs[runs["config_id"].isin(table["config_id"]) | (runs["split"] == "val")]
    by_id = runs.groupby("config_id")
    facts = by_id.agg(label=("label", "first"), n_seeds=("seed", "nunique"))
    table = table.join(facts, on="config_id").assign(expected_seeds=expected_seeds(runs))
    for split, metric in COLUMNS[task]:
        rows, name = runs[runs["split"] == split], f"{split}_{metric}"
        means = seed_means(rows, [metric]).droplevel("dataset")[metric]
        spread = rows.groupby("config_id")[metric].std()
        table = table.join(pd.DataFrame({name: means, f"{name}_std": spread}), on="config_id")
    table = table.join(seed_costs(runs), on="config_id")
    on_front = selected(runs).get(str(runs["dataset"].iloc[0]), frozenset())
    return table.assign(pareto=table["config_id"].isin(list(on_front)))


def summary_table(runs: pd.DataFrame, select: str = SELECTION_METRIC) -> pd.DataFrame:
    """The summary of one dataset as text cells.

    Args:
        runs: the ``runs`` frame of one dataset.
        select: the metric that chooses on validation.

    Returns:
        One row per category; the columns of ``COLUMNS`` for its task, then costs and marks.
    """
    numbers = summary_numbers(runs, select)
    return _cells(numbers, str(runs["task"].iloc[0]), reference(runs, COSTS))


def _cells(numbers: pd.DataFrame, task: str, base: Reference | None) -> pd.DataFrame:
    whole = (numbers["n_seeds"] == numbers["expected_seeds"]).tolist()
    table = pd.DataFrame(
        {
            "Method": numbers["category"],
            "Configuration": numbers["label"],
            "Seeds": list(map(cells.seeds, numbers["n_seeds"], numbers["expected_seeds"])),
        }
    )
    for split, metric in COLUMNS[task]:
        name = label_of(task, metric).removesuffix(" (nats)")
        means, stds = numbers[f"{split}_{metric}"], numbers[f"{split}_{metric}_std"]
        texts = [cells.spread(*pair, digits=3) for pair in zip(means, stds, strict=True)]
        table[name if split == "test" else f"OOD {name}"] = cells.starred(
            texts, means.tolist(), direction_of(task, metric), whole
        )
    for cost, heading in zip(COSTS, ("FLOPs", "Parameters"), strict=True):
        once = base.costs[cost] if base else math.nan
        ends = zip(numbers[f"{cost}_min"], numbers[f"{cost}_max"], strict=True)
        table[heading] = [cells.cost_range(pair, once) for pair in ends]
    table["Pareto"] = ["P" if on_front else "" for on_front in numbers["pareto"]]
    return table


def summary_markdown(
    runs: pd.DataFrame,
    notes: list[str],
    select: str = SELECTION_METRIC,
    answers: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """All datasets' answers and tables, the legend, and ``notes`` (what was skipped, failed)."""
    parts: list[str] = []
    legends: dict[str, None] = {}
    for dataset, rows in runs.groupby("dataset", sort=True):
        n_runs, n_configs = rows["run_id"].nunique(), rows["config_id"].nunique()
        parts.append(f"## {dataset} ({n_configs} configurations, {n_runs} runs)")
        parts.extend(answers.get(str(dataset), ()))
        parts.append(grid(summary_table(rows, select)))
        legends[legend(str(rows["task"].iloc[0]), select)] = None
    return "\n\n".join([*parts, *legends, *notes]) + "\n"


def write_summary(results: Path, runs: pd.DataFrame, text: str) -> None:
    """Write ``summary.csv`` (every record, one row a run and split) and ``summary.md``.

    Raises:
        StorageError: the results folder cannot be written; the old files stay whole.
    """
    write_file(results / "summary.csv", to_csv(runs).encode())
    write_file(results / "summary.md", text.encode())
