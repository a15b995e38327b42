"""Validation means of the configurations that compete: those that have every seed."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from bench.records.pareto import seed_means
from bench.records.seeds import competing as with_every_seed


def competing(runs: pd.DataFrame, keys: Collection[str]) -> pd.DataFrame:
    """Validation means over seeds of the configurations of one dataset that compete.

    Args:
        runs: the ``runs`` frame of one dataset (``bench.records.frames``).
        keys: metrics and costs; a configuration without one of them in some seed has NaN there.

    Returns:
        One row per configuration with all expected seeds on validation and on test: indexed by
        config_id, category, label, n_seeds, then the keys.
    """
    val, test = (runs[runs["split"] == split] for split in ("val", "test"))
    val = val[val["config_id"].isin(with_every_seed(val) & with_every_seed(test))]
    facts = val.groupby("config_id", sort=True).agg(
        category=("category", "first"), label=("label", "first"), n_seeds=("seed", "nunique")
    )
    return facts.join(seed_means(val, list(keys)).droplevel("dataset"))
