"""What a search optimises: the algorithmic metrics on validation, FLOPs and parameters.

All at once (SAE, Ferianc et al. 2024, section 4): a point of the search is better than another one
only if it is no worse on every objective. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.errors import UserError
from bench.metrics import metrics_for
from bench.pareto import COSTS
from bench.records import Record

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One objective.

    Attributes:
        key: of ``metrics.val`` or of ``cost`` in a record.
        direction: as Optuna writes it.
        is_cost: whether it is a cost: known exactly, and spread over decades.
    """

    key: str
    direction: Direction
    is_cost: bool = False


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Largest costs that a user allows; None: any.

    Raises:
        UserError: a bound that is not above 0.
    """

    flops: float | None = None
    params: float | None = None

    def __post_init__(self) -> None:
        for key in COSTS:
            bound = getattr(self, key)
            if bound is not None and not bound > 0:
                raise UserError(f"--max-{key} {bound:g}: must be above 0")

    def hold(self, flops: float, params: float) -> bool:
        """Whether both costs are allowed."""
        return (self.flops is None or flops <= self.flops) and (
            self.params is None or params <= self.params
        )

    def __bool__(self) -> bool:
        return self.flops is not None or self.params is not None


def objectives_for(task: str) -> tuple[Objective, ...]:
    """The objectives of a task: its metrics that the table marks, then both costs."""
    algorithmic = [
        Objective(
            key=metric.name,
            direction="maximize" if metric.direction == "higher" else "minimize",
        )
        for metric in metrics_for(task)
        if metric.objective
    ]
    costs = [Objective(key=key, direction="minimize", is_cost=True) for key in COSTS]
    return (*algorithmic, *costs)


def values_of(record: Record, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """The values of a finished run; None where one is undefined or infinite.

    Reads validation alone.
    """
    values = [
        (record["cost"] if objective.is_cost else record["metrics"]["val"])[objective.key]
        for objective in objectives
    ]
    if any(value is None or not math.isfinite(value) for value in values):
        return None
    return tuple(float(value) for value in values)


def for_model(values: Sequence[float], objectives: Sequence[Objective]) -> list[float]:
    """The values as a model sees them: costs as logarithms, the front stays the same."""
    return [
        math.log(value) if objective.is_cost else value
        for objective, value in zip(objectives, values, strict=True)
    ]
