"""Quality by severity of the corruption, of the configuration that stands for each category."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.figures.ood import severities
from bench.report.configurations import corruptions, shift_metrics
from bench.report.rounding import compact
from bench.report.study import Study
from bench.statistics.influence import MEAN

Curves = dict[str, dict[str, dict[str, dict[str, list[float]]]]]


def shifted(study: Study, dataset: str) -> dict[str, Any]:
    """The curves of a dataset.

    Returns:
        ``severities`` (from 1); ``curves``: metric -> corruption (`MEAN`: of all) -> category ->
        estimate, low and high at severities 0 (the clean test split), 1, ...
    """
    runs = study.runs(dataset)
    found = sorted(runs.loc[runs["split"] == "corruption", "severity"].unique())
    levels = [int(severity) for severity in found]
    curves: Curves = defaultdict(lambda: defaultdict(dict))
    if levels and study.frames.root is not None:
        metrics = tuple(shift_metrics(str(runs["task"].iloc[0])))
        chosen = list(study.frames.chosen(runs)["config_id"])
        points = severities(study.frames, chosen, metrics)
        for key, rows in points.groupby(["metric", "corruption", "category"], sort=False):
            metric, corruption, category = map(str, key)
            by_severity = rows.set_index("severity").reindex([0, *levels])
            curves[metric][corruption][category] = {
                name: by_severity[name].tolist() for name in ("estimate", "low", "high")
            }
    return {"severities": levels, "curves": compact(curves)}


def corruption_choices(study: Study, dataset: str) -> list[list[str]]:
    """What the chooser of the curves offers: the mean first, then each corruption."""
    names = corruptions(study.runs(dataset))
    texts = [[name, name.replace("_", " ")] for name in names]
    return [[MEAN, f"mean of all {len(names)}"], *texts] if names else []
