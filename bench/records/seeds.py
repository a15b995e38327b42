"""Which configurations have been run with every seed: only these compete. No torch."""

from __future__ import annotations

import pandas as pd


def expected_seeds(runs: pd.DataFrame) -> int:
    """How many seeds the most complete configuration of one dataset has; 0 without runs."""
    return int(runs.groupby("config_id")["seed"].nunique().max()) if len(runs) else 0


def competing(runs: pd.DataFrame) -> frozenset[str]:
    """The configurations with a finished run for each of the expected seeds.

    A mean over fewer seeds may be better for the seed that is missing, which often is the one that
    failed. So the others are shown, and win nothing.

    Args:
        runs: the ``runs`` frame of one dataset.
    """
    counts = runs.groupby("config_id")["seed"].nunique()
    return frozenset(map(str, counts.index[counts == expected_seeds(runs)]))


def seed_costs(runs: pd.DataFrame) -> pd.DataFrame:
    """What the networks of each configuration cost: SAE learns which exits a seed keeps.

    Args:
        runs: the ``runs`` frame of one dataset.

    Returns:
        Index config_id; for "flops" and "params" the mean over seeds, <cost>_min and <cost>_max.
    """
    by_id = runs.drop_duplicates("run_id").groupby("config_id")
    return by_id.agg(
        flops=("flops", "mean"), flops_min=("flops", "min"), flops_max=("flops", "max"),
        params=("params", "mean"), params_min=("params", "min"), params_max=("params", "max"),
    )  # fmt: skip
