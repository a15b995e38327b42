"""Which configuration stands for its category: chosen on validation alone. No torch."""

from __future__ import annotations

import pandas as pd

# The one validation metric that chooses a category's configuration: a proper score of both tasks.
SELECTION_METRIC = "nll"


def chosen_by_category(runs: pd.DataFrame) -> pd.DataFrame:
    """Each category's configuration with the lowest mean validation NLL.

    Args:
        runs: the ``runs`` frame of one dataset (``bench.records.frames``).

    Returns:
        Columns category and config_id, cheapest first. Equal NLLs go to fewer FLOPs.
    """
    val = runs[runs["split"] == "val"]
    means = val.groupby(["category", "config_id"], as_index=False)[
        [SELECTION_METRIC, "flops"]
    ].mean()
    means = means.dropna(subset=[SELECTION_METRIC])
    best = means.sort_values([SELECTION_METRIC, "flops", "config_id"]).drop_duplicates("category")
    return best.sort_values(["flops", "category"])[["category", "config_id"]]
