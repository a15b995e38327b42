"""Problems whose objectives are formulas, so that a search on them takes seconds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from bench.search.objectives import Direction
from bench.search.rejection import Rule, everywhere
from bench.search.space import Params

with warnings.catch_warnings():
    # BoTorch's linear_operator scripts functions when it is imported.
    warnings.filterwarnings("ignore", message="`torch.jit.script`")
    from botorch.test_functions.multi_objective import DTLZ2, BraninCurrin

# Whole numbers and choices of the mixed problem: 0, 1, ..., LEVELS - 1 in place of a coordinate.
LEVELS = 5


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something to search.

    Attributes:
        distributions: what is varied.
        directions: of the objectives.
        reference: the worst values that count in the hypervolume, in the units of the objectives.
        evaluate: the objectives of a point.
        cells: of the first design.
        feasible: which points may be tried.
    """

    distributions: Mapping[str, BaseDistribution]
    directions: Sequence[Direction]
    reference: Sequence[float]
    evaluate: Callable[[Params], Sequence[float]]
    cells: Sequence[Params] = ()
    feasible: Rule = everywhere


def branin_currin() -> Problem:
    """Two objectives of two floats (Belakaria, Deshwal and Doppa 2019)."""
    return Problem(
        distributions={"x0": FloatDistribution(0, 1), "x1": FloatDistribution(0, 1)},
        directions=("minimize", "minimize"),
        reference=(18.0, 6.0),  # BoTorch's, for which the largest hypervolume is 59.36
        evaluate=lambda params: _values(BraninCurrin(), [params["x0"], params["x1"]]),
    )


def dtlz2(n_objectives: int, n_parameters: int, *, mixed: bool) -> Problem:
    """DTLZ2 (Deb, Thiele, Laumanns and Zitzler 2002): the front is an eighth of a sphere.

    Args:
        n_objectives: from 2.
        n_parameters: more than that.
        mixed: every third parameter is a whole number and every third a choice. A plain float
            would flatter samplers of continuous spaces: networks have few of them.
    """
    problem = DTLZ2(dim=n_parameters, num_objectives=n_objectives)
    distributions: dict[str, BaseDistribution] = {}
    for index in range(n_parameters):
        kind = index % 3 if mixed else 0
        distributions[f"x{index}"] = (
            FloatDistribution(0, 1),
            IntDistribution(0, LEVELS - 1),
            CategoricalDistribution(tuple(range(LEVELS))),
        )[kind]

    def evaluate(params: Params) -> Sequence[float]:
        x = [
            float(params[name]) / (1 if isinstance(dist, FloatDistribution) else LEVELS - 1)
            for name, dist in distributions.items()
        ]
        return _values(problem, x)

    return Problem(
        distributions=distributions,
        directions=["minimize" for _ in range(n_objectives)],
        # 1.1 is usual and leaves out nearly all random points of many objectives; the largest
        # values of any point are 1 + (n_parameters - n_objectives + 1) / 4.
        reference=(1 + (n_parameters - n_objectives + 1) / 4,) * n_objectives,
        evaluate=evaluate,
    )


PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "branin-currin (2 objectives)": branin_currin,
    "dtlz2 (5 objectives)": lambda: dtlz2(5, 9, mixed=False),
    "mixed dtlz2 (5 objectives)": lambda: dtlz2(5, 9, mixed=True),
}


def _values(problem: BraninCurrin | DTLZ2, x: Sequence[float | int | str]) -> Sequence[float]:
    values: list[float] = problem(torch.tensor([x], dtype=torch.float64)).squeeze(0).tolist()
    return values
