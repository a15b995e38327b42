"""Which points of a search are trained again on fresh seeds, chosen on validation in two steps.

A front over many noisy objectives of one seed hardly chooses: of 22 trials 21 were on it. So the
contenders are the front of one seed on the axes that figures and tables have (performance,
calibration and the costs); they are trained once more on a second search seed, and of the means an
epsilon-dominance front (Laumanns et al. 2002) is kept, whose boxes are as large as the noise.
"""

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from bench.records.costs import COSTS
from bench.records.pareto import QUALITY, front
from bench.search.history import OTHER_COSTS
from bench.search.objectives import Bounds, Objective, Values, lower_is_better

# Networks whose cost differs by less are alike.
COST_TOLERANCE = 0.05
# A box is at least this share of an axis: two seeds can agree by chance.
LEAST_BOX = 1e-3
# By this factor boxes grow until no more than the wanted number is left.
GROWTH = 1.25


def axes(objectives: Sequence[Objective]) -> list[int]:
    """Where the axes of the front stand in the values: performance, calibration, costs."""
    quality = {key for pair in QUALITY.values() for key in pair}
    return [i for i, one in enumerate(objectives) if one.is_cost or one.key in quality]


def contenders(
    trials: Sequence[FrozenTrial], objectives: Sequence[Objective], bounds: Bounds, *, most: int
) -> list[FrozenTrial]:
    """The trials on the front of the first seed, each point once; at most ``most``.

    Args:
        trials: of one search; failed ones count for nothing.
        objectives: what their values are.
        bounds: a trial that learned a network above them is left out, and beats no other one.
        most: above it, trials that differ little stand for each other.
    """
    allowed = [
        one
        for one in trials
        if one.state == TrialState.COMPLETE and bounds.hold(**_costs(one, objectives))
    ]
    distinct = list({repr(sorted(one.params.items())): one for one in allowed}.values())
    if not distinct:
        return []
    values_RO = _on_axes([one.values for one in distinct], objectives)
    kept = thinned(values_RO, np.zeros(values_RO.shape[1]), most)
    return [distinct[index] for index in kept]


def finalists(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    objectives: Sequence[Objective],
    *,
    most: int,
) -> list[int]:
    """Choose the contenders that are tested.

    Args:
        first: their values on the search seed.
        second: on the second one.
        objectives: what the values are.
        most: how many are kept at the most.

    Returns:
        Their positions: the epsilon-dominance front of the means of the two seeds, where a box is
        one standard error wide in a metric and `COST_TOLERANCE` in a cost, or wider if more than
        ``most`` would be left.
    """
    if not first:
        return []
    values_SRO = np.stack([_on_axes(values, objectives) for values in (first, second)])
    # Of the mean of two: half the difference has the variance of it.
    error_O = np.sqrt(np.mean(((values_SRO[0] - values_SRO[1]) / 2) ** 2, axis=0))
    is_cost_O = np.array([objectives[index].is_cost for index in axes(objectives)])
    return thinned(values_SRO.mean(0), np.where(is_cost_O, COST_TOLERANCE, error_O), most)


def thinned(values_RO: Values, box_O: Values, most: int) -> list[int]:
    """The epsilon-dominance front of rows, lower is better; at most ``most`` positions, ascending.

    Args:
        values_RO: of R configurations.
        box_O: widths of the boxes; 0: equal values alone share one.
        most: boxes grow until no more are left.
    """
    exact = _box_front(values_RO, box_O)
    span_O = np.ptp(values_RO, axis=0)
    box_O = np.maximum(box_O, LEAST_BOX * span_O)
    kept = exact
    while len(kept) > most:
        kept = _box_front(values_RO, box_O)
        box_O = box_O * GROWTH
    return kept


def _box_front(values_RO: Values, box_O: Values) -> list[int]:
    """One row for each non-dominated box: the nearest to its best corner."""
    wide_O = box_O > 0
    scaled_RO = values_RO / np.where(wide_O, box_O, 1.0)
    corner_RO = np.where(wide_O, np.floor(scaled_RO), values_RO)
    inside_R = (scaled_RO - corner_RO)[:, wide_O].sum(axis=1)
    best: dict[tuple[float, ...], int] = {}
    for row, corner in enumerate(map(tuple, corner_RO.tolist())):
        if corner not in best or inside_R[row] < inside_R[best[corner]]:
            best[corner] = row
    rows = sorted(best.values())
    on_front = front(corner_RO[rows], ["lower"] * len(box_O))
    return [row for row, kept in zip(rows, on_front, strict=True) if kept]


def _on_axes(values: Sequence[Sequence[float]], objectives: Sequence[Objective]) -> Values:
    """The axes of the front, lower is better."""
    return lower_is_better(values, objectives)[:, axes(objectives)]


def _costs(trial: FrozenTrial, objectives: Sequence[Objective]) -> dict[str, float]:
    """FLOPs and parameters; a cost that is no objective stands beside the values."""
    keys = [objective.key for objective in objectives]
    known = {**trial.user_attrs.get(OTHER_COSTS, {}), **dict(zip(keys, trial.values, strict=True))}
    return {key: known[key] for key in COSTS}
