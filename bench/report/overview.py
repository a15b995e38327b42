"""What ran, and what did not."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures.style import category_styles
from bench.records.schema import DatasetFacts
from bench.report.rounding import duration
from bench.report.study import Study
from bench.report.tables import Cell, Row, Table


@dataclass(frozen=True, kw_only=True)
class DatasetOverview:
    """One dataset's data in sentences, and its runs as a table."""

    name: str
    facts: tuple[str, ...]
    table: Table


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed run."""

    run_id: str
    category: str
    label: str
    seed: int
    error: str


def headline(study: Study) -> str:
    """The study in one sentence."""
    runs = study.frames.runs
    n_runs, n_configurations = runs["run_id"].nunique(), runs["config_id"].nunique()
    failed = len(study.frames.failures)
    return (
        f"{_count(n_runs, 'run')} of {_count(n_configurations, 'configuration')} on "
        f"{_count(len(study.datasets), 'dataset')}; "
        + (f"{failed} failed. " if failed else "none failed. ")
        + f"Validation {study.frames.select.replace('_', ' ').upper()} chooses configurations."
    )


def overview(study: Study, dataset: str) -> DatasetOverview:
    """A dataset's overview; its table has one row a category, in the order of legends."""
    runs, failures = study.runs(dataset), study.frames.failures
    failed = failures.loc[failures["dataset"] == dataset, "category"].value_counts()
    timings = study.frames.timings
    seconds = timings[timings["dataset"] == dataset].set_index("run_id")[
        ["train_cpu_s", "evaluate_cpu_s"]
    ]
    rows = []
    for category in category_styles([*runs["category"], *failed.index]):
        group = runs[runs["category"] == category]
        spent = seconds.loc[group["run_id"].unique()].sum()
        counts = (
            group["config_id"].nunique(),
            group["run_id"].nunique(),
            group["seed"].nunique(),
            int(failed.get(category, 0)),
        )
        rows.append(
            Row(
                category=category,
                cells=(
                    *(Cell(text=str(count), value=count) for count in counts),
                    *(Cell(text=duration(value), value=value) for value in spent),
                ),
            )
        )
    heads = ("Configurations", "Runs", "Seeds", "Failed", "Training (CPU)", "Evaluation (CPU)")
    return DatasetOverview(
        name=dataset,
        facts=_facts(
            study.finished(dataset)[0].dataset, backbones=sorted(runs["backbone"].unique())
        ),
        table=Table(caption=f"What ran on {dataset}", heads=heads, rows=tuple(rows)),
    )


def failures(study: Study) -> list[Failure]:
    """The failed runs."""
    columns = ["run_id", "category", "label", "seed", "error"]
    rows = study.frames.failures[columns].to_dict("records")
    return [Failure(**{str(name): value for name, value in row.items()}) for row in rows]


def _facts(data: DatasetFacts, backbones: list[str]) -> tuple[str, ...]:
    sizes = data.sizes
    task = f"{data.n_classes} classes" if data.n_classes else "regression"
    shape = "\N{MULTIPLICATION SIGN}".join(map(str, data.shape))
    return (
        f"{task}, images {shape}",
        f"{sizes['train']:,} training, {sizes['val']:,} validation, {sizes['test']:,} test images",
        f"{data.shift_images:,} test images corrupted",
        f"backbone {', '.join(backbones)}",
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
