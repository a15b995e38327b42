"""Which configurations have been run with every seed: only these compete. No torch."""

import pandas as pd

from bench.records.costs import COSTS, PAPER_COSTS


def expected_seeds(runs: pd.DataFrame) -> int:
    """The number of seeds of a dataset's most complete configuration; 0 without runs."""
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
    """Costs of the networks of each configuration: SAE learns which exits a seed keeps.

    Args:
        runs: the ``runs`` frame of one dataset.

    Returns:
        Index config_id; for each cost, the paper's too, the mean over seeds, <cost>_min and
        <cost>_max.
    """
    costs = [key for key in (*COSTS, *PAPER_COSTS) if key in runs.columns]
    by_id = runs.drop_duplicates("run_id").groupby("config_id")[costs]
    return by_id.mean().join([by_id.min().add_suffix("_min"), by_id.max().add_suffix("_max")])
