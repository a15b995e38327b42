"""Which costs there are, and the paper's in place of the deployed network's. No torch."""

import pandas as pd

from bench.errors import UserError

# Of the deployed network, and as the paper counts them (`bench.cost`).
COSTS = ("flops", "params")
PAPER_COSTS = ("paper_flops", "paper_params")

NOTE = (
    "FLOPs and parameters as the paper counts them: N slices of the first layer, BatchNorm apart. "
    "Shares of parts are those of the deployed network."
)
# What such files' names end in, so that they stand beside those of the deployed network.
SUFFIX = "_paper_costs"


def is_paper(costs: str | None) -> bool:
    """Whether ``--costs`` names the paper's count."""
    return costs == ",".join(PAPER_COSTS)


def counted(runs: pd.DataFrame, costs: str | None) -> pd.DataFrame:
    """The ``runs`` frame with the costs of ``--costs`` as ``flops`` and ``params``.

    Every choice, front, table, figure and claim then is of these.
    """
    if not is_paper(costs):
        return runs
    without = runs.loc[runs[list(PAPER_COSTS)].isna().any(axis=1), "run_id"]
    if len(without):
        raise UserError(
            f"--costs {costs}: run {without.iloc[0]} was recorded without them; run it again"
        )
    swapped = {ours: runs[paper] for ours, paper in zip(COSTS, PAPER_COSTS, strict=True)}
    return runs.assign(**swapped)
