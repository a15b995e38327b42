"""Whether records can show a preference for depths at all, whatever the data prefer."""

import pandas as pd

# Distributions nearer to uniform than this, in the share of an exit, are "near uniform".
NEAR = 0.05
# Half-way through the training, along half a cosine, 18 % of the logits' travel is left.
HALF_WAY = 0.5


def optimum_reach(depth: pd.DataFrame) -> float:
    """The largest distance from 1/D of theta where SAE's objective is least, half-way through.

    With the exits' training NLLs and the weight of the KL held at their means over that epoch,
    theta = softmax(-NLL / (alpha c)) minimises the objective (``methods.core.depth_meter``).

    Returns:
        The maximum over runs, inputs and exits; NaN where a record has no such optimum.
    """
    later = depth[depth["progress"] >= HALF_WAY]
    rows = later[later["epoch"] == later.groupby("run_id")["epoch"].transform("min")]
    distance = (rows["optimum"] - 1 / rows["depth"]).abs()
    return float(distance.max(skipna=False)) if len(distance) else float("nan")


def held_by_the_objective(depth: pd.DataFrame) -> bool:
    """Whether theta is near uniform at the objective's own optimum, in every run of ``depth``."""
    return optimum_reach(depth) <= NEAR
