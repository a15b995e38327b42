"""How N, K, width and the schedules relate to each metric over SAE's configurations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import label_of, metrics_for
from bench.records.frames import Frames
from bench.statistics.effects import FEWEST, SETTINGS, effects

LOG = logging.getLogger(__name__)

SIGNIFICANT = 0.05
_RHO_NOTE = (
    "Spearman's rank correlation of a setting with a metric over the SAE configurations, with its "
    "95% interval; + means that the metric's value rises with the setting. * not 0 at 5%, by a "
    "permutation test with Holm's correction for all settings and metrics. Settings that do not "
    f"vary are left out; fewer than {FEWEST} configurations have no interval."
)
_IMPORTANCE_NOTE = (
    "Share of a random forest's variance over the SAE configurations that is due to a setting by "
    "itself (functional ANOVA); N x K is what the two do together beyond that. * more than the "
    "largest such share of 19 permutations of the metric, of a forest that predicts. R2 is for "
    "configurations left out of the fit: at 0 or below no share means anything. Settings that do "
    "not vary are left out."
)


def tables(frames: Frames) -> Iterator[Table]:
    """Two tables a dataset with SAE runs: correlations and importances."""
    found = effects(frames)
    tasks = frames.runs.groupby("dataset")["task"].first()
    if found.empty:
        LOG.info("effects: nothing to show, no setting of SAE varies in these records")
    for dataset, rows in found.groupby("dataset", sort=True):
        task = str(tasks[dataset])
        count = f"{dataset}, {int(rows['n'].max())} SAE configurations"
        yield Table(
            stem=f"effects_{dataset}",
            caption=f"{count}: rank correlation of settings and metrics.",
            numbers=rows,
            cells=_matrix(rows, task, _rho_cell),
            notes=(_RHO_NOTE,),
        )
        if rows["importance"].isna().all():
            LOG.info("effects: no importances for %s, it has too few configurations", dataset)
            continue
        yield Table(
            stem=f"importances_{dataset}",
            caption=f"{count}: importance of settings for metrics.",
            numbers=rows[["dataset", "setting", "metric", "n", "importance", "null", "r2"]],
            cells=_with_r2(_matrix(rows, task, _importance_cell), rows, task),
            notes=(_IMPORTANCE_NOTE,),
        )


def _matrix(rows: pd.DataFrame, task: str, cell: Callable[[pd.Series], str]) -> pd.DataFrame:
    """One row per setting; columns: the metrics that a search optimises, and the costs."""
    texts = {(row["setting"], row["metric"]): cell(row) for _, row in rows.iterrows()}
    varied = set(rows["setting"])
    settings = [name for name in SETTINGS if name in varied]
    settings += sorted(varied - set(settings))
    table = pd.DataFrame({"Setting": [SETTINGS.get(name, name) for name in settings]})
    for key, head in _columns(task, set(rows["metric"])).items():
        table[head] = [texts.get((name, key), cells.MISSING) for name in settings]
    return table


def _columns(task: str, present: set[str]) -> dict[str, str]:
    heads = {
        metric.name: f"{label_of(task, metric.name)}, {metric.direction} is better"
        for metric in metrics_for(task)
        if metric.objective
    } | {"flops": "FLOPs", "params": "Parameters"}
    return {key: head for key, head in heads.items() if key in present}


def _rho_cell(row: pd.Series) -> str:
    star = " *" if row["p_holm"] < SIGNIFICANT else ""
    return f"{cells.interval(row['rho'], row['low'], row['high'], digits=2)}{star}"


def _importance_cell(row: pd.Series) -> str:
    star = " *" if row["importance"] > row["null"] and row["r2"] > 0 else ""
    return f"{cells.number(row['importance'], 2)}{star}"


def _with_r2(table: pd.DataFrame, rows: pd.DataFrame, task: str) -> pd.DataFrame:
    """The table with a last row: how much each metric's forest predicts."""
    r2 = rows.drop_duplicates("metric").set_index("metric")["r2"].to_dict()
    heads = _columns(task, set(rows["metric"]))
    last = {"Setting": "R2"} | {head: cells.number(r2[key], 2) for key, head in heads.items()}
    return pd.concat([table, pd.DataFrame([last])], ignore_index=True)
