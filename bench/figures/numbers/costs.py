"""What configurations cost, what they share but for one setting, and which part costs what."""

from __future__ import annotations

import pandas as pd

from bench.records.frames import SETTINGS
from bench.records.network_parts import part_of, stage_of

COSTS = ("flops", "params")

# What is drawn apart from stem and stages.
_KINDS = {"adapters": "exit heads", "heads": "exit heads"}


def configurations(runs: pd.DataFrame) -> pd.DataFrame:
    """Settings and costs of each configuration of one dataset, the costs as means over seeds.

    A cost may differ between seeds: SAE learns which exits it keeps.

    Returns:
        Index config_id, sorted; columns method, category, the settings that decide costs, costs.
    """
    once = runs.drop_duplicates("run_id")
    settings = [name for name in (*SETTINGS, "n_passes") if name in once.columns]
    by_configuration = once.groupby("config_id", sort=True)
    facts = by_configuration[["method", "category", *settings]].first()
    return facts.join(by_configuration[list(COSTS)].mean())


def families(table: pd.DataFrame, setting: str) -> list[pd.DataFrame]:
    """Configurations of one method that differ in one setting alone, sorted by it.

    Args:
        table: As `configurations` returns it.
        setting: The one that differs.

    Returns:
        One frame a family with two or more values of the setting. Configurations that differ in
        nothing that decides costs (a dropout rate, which exits were learned) are in the same one.
    """
    others = [name for name in table.columns if name not in {setting, "category", *COSTS}]
    has_it = table[table[setting].notna()]
    grouped = has_it.groupby(others, sort=True, dropna=False)
    return [rows.sort_values(setting) for _, rows in grouped if len(set(rows[setting])) > 1]


def by_part(parts: pd.DataFrame) -> pd.DataFrame:
    """FLOPs of stem, each stage, exit heads and the rest, summed over networks.

    Args:
        parts: The parts frame of the runs of interest.

    Returns:
        Index config_id, sorted, means over seeds; columns in the order of the network.
    """
    named = parts.assign(kind=[_kind(part) for part in parts["part"]])
    per_run = named.pivot_table(
        index=["config_id", "run_id"], columns="kind", values="flops", aggfunc="sum", fill_value=0
    )
    table = per_run.groupby("config_id", sort=True).mean()
    kinds: list[str] = sorted(map(str, table.columns), key=_place)
    return table[kinds]


def _kind(path: str) -> str:
    stage, part = stage_of(path), part_of(path)
    return _KINDS.get(part, part) if stage is None else f"stage {stage + 1}"


def _place(kind: str) -> tuple[int, int]:
    """Stem, stages by number, heads, the rest."""
    name, _, number = kind.partition(" ")
    order = {"stem": 0, "stage": 1, "exit": 2}
    return order.get(name, 3), int(number) if number.isdigit() else 0
