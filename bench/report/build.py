"""From a study to what the page holds: its data for the scripts, and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import style
from bench.figures.heatmap import regions
from bench.metrics.table import direction_of, keys_for, label_of
from bench.records.measurements import MEASURES
from bench.records.pareto import quality_of
from bench.report import (
    answer,
    claims,
    configurations,
    depth_histories,
    overview,
    provenance,
    shift,
    styles,
)
from bench.report.command import PATH
from bench.report.leaderboards import VALUES, Board, leaderboards, views
from bench.report.page import Content
from bench.report.rank_rows import ranks
from bench.report.reliability import diagrams, ece_table
from bench.report.study import Study

TITLE = "Hardware-efficient ensembles compared"
_COLUMNS = 4  # of the N x K grid: the paper's range of N; a study with more inputs widens it


def content(study: Study) -> Content:
    """Everything that the page shows."""
    datasets = study.datasets
    boards = [board for dataset in datasets for board in leaderboards(study, dataset)]
    eces = {dataset: ece_table(study, dataset) for dataset in datasets}
    all_looks = styles.styles(
        [*study.frames.runs["category"].unique(), *study.frames.failures["category"].unique()]
    )
    by_dataset = {dataset: _dataset(study, dataset) for dataset in datasets}
    deepest = max(
        (int(value) for value in study.frames.depth["depth"].dropna().unique()), default=1
    )
    judged, failed = claims.judged(study), overview.failures(study)
    return Content(
        title=TITLE,
        answers=answer.answer_of(study),
        empty=_empty(by_dataset, boards, judged, failed),
        headline=overview.headline(study),
        datasets=datasets,
        styles=all_looks,
        overviews=[overview.overview(study, dataset) for dataset in datasets],
        boards=boards,
        views=[
            (view, view if view == VALUES else f"difference to {view}") for view in views(boards)
        ],
        ece_tables={dataset: table for dataset, table in eces.items() if table is not None},
        ranks=ranks(study),
        claims=judged,
        failures=failed,
        provenance=provenance.provenance(study),
        data={
            "title": TITLE,
            "path": PATH,
            "styles": {name: vars(style) for name, style in all_looks.items()},
            "exits": {n: styles.exits(n) for n in range(1, deepest + 1)},
            "series": [vars(style) for style in styles.SERIES],
            "datasets": by_dataset,
        },
    )


def _empty(
    by_dataset: Mapping[str, Mapping[str, Any]],
    boards: Sequence[Board],
    judged: Sequence[claims.Judged],
    failed: Sequence[overview.Failure],
) -> frozenset[str]:
    """The sections that no dataset fills."""
    every = by_dataset.values()
    filled = {
        "leaderboards": bool(boards),
        "heatmap": any(one["grid"] for one in every),
        "depth": any(one["depth"] for one in every),
        "shift": any(one["shifted"]["curves"] for one in every),
        "reliability": any(one["reliability"]["panels"] for one in every),
        "claims": bool(judged),
        "failures": bool(failed),
    }
    return frozenset(name for name, is_there in filled.items() if not is_there)


def _dataset(study: Study, dataset: str) -> dict[str, Any]:
    """One dataset's data, see the scripts that read it."""
    runs = study.runs(dataset)
    task = str(runs["task"].iloc[0])
    kinds = keys_for(task)
    return {
        "categories": list(style.category_styles(runs["category"])),
        "seeds": int(runs.groupby("config_id")["seed"].nunique().max()),
        "metrics": [
            {
                "key": key,
                "label": label_of(task, key),
                "direction": direction_of(task, key),
                "kind": kinds[key].kind,
            }
            for key in configurations.metric_keys(runs)
        ],
        "measured": [
            {"key": key, "label": MEASURES[key], "direction": "lower", "kind": "measured"}
            for key in configurations.measured_keys(runs)
        ],
        "quality": quality_of(task),
        "shift": configurations.shift_metrics(task),
        "corruptions": configurations.corruptions(runs),
        "corruptionChoices": shift.corruption_choices(study, dataset),
        "configurations": configurations.configurations(study, dataset),
        "budget": answer.lines(study, dataset),
        "grid": _grid(study, dataset),
        "depth": depth_histories.panels(study.frames.depth, dataset),
        "shifted": shift.shifted(study, dataset),
        "reliability": diagrams(study, dataset),
    }


def _grid(study: Study, dataset: str) -> dict[str, Any] | None:
    """Size and regions of the N x K grid; None without a run that has N and K."""
    runs = study.runs(dataset)
    sae = runs[runs["n_inputs"].notna() & runs["n_exits"].notna()]
    if sae.empty:
        return None
    columns, deepest = max(_COLUMNS, int(sae["n_inputs"].max())), int(sae["depth"].max())
    return {"columns": columns, "depth": deepest, "regions": regions(columns, deepest)}
