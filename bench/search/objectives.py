"""What a search optimises: the algorithmic metrics on validation, and costs, counted or measured.

All at once (SAE, Ferianc et al. 2024, section 4): a point of the search is better than another one
only if it is no worse on every objective. No torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import UserError
from bench.metrics.table import metrics_for
from bench.records.costs import COSTS, PAPER_COSTS
from bench.records.measurements import AT_ONCE
from bench.records.schema import FinishedRun

Direction = Literal["minimize", "maximize"]
Values = npt.NDArray[np.float64]

# What `--costs` can name, in the order of the objectives.
CHOICES = (*COSTS, *PAPER_COSTS, *AT_ONCE)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One objective.

    Attributes:
        key: of ``metrics.val`` or of ``cost`` in a record, or of
            `bench.records.measurements.AT_ONCE`.
        direction: as Optuna writes it.
        is_cost: whether it is a cost: above 0 and spread over decades.
    """

    key: str
    direction: Direction
    is_cost: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether it is a time: no function of the configuration, but of a machine too."""
        return self.key in AT_ONCE


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Largest costs that a user allows; None: any."""

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


def costs_of(text: str) -> tuple[str, ...]:
    """Read ``--costs``: each once, in the order of `CHOICES`."""
    named = {name for name in text.split(",") if name}
    unknown = sorted(named - set(CHOICES))
    if unknown or not named:
        raise UserError(
            f"--costs {text}: {f'{unknown[0]!r} is' if unknown else 'an empty list is'} not what a "
            f"search can minimise; choose from {', '.join(CHOICES)}"
        )
    return tuple(name for name in CHOICES if name in named)


def objectives_for(task: str, costs: Sequence[str] = COSTS) -> tuple[Objective, ...]:
    """The objectives of a task: its metrics that the table marks, then the costs."""
    algorithmic = [
        Objective(
            key=metric.name,
            direction="maximize" if metric.direction == "higher" else "minimize",
        )
        for metric in metrics_for(task)
        if metric.objective
    ]
    return (
        *algorithmic,
        *(Objective(key=key, direction="minimize", is_cost=True) for key in costs),
    )


def values_of(
    record: FinishedRun,
    objectives: Sequence[Objective],
    measured: Mapping[str, float] | None = None,
) -> tuple[float, ...] | None:
    """The values of a finished run; None where one is undefined or infinite.

    Reads validation alone.
    """
    costs = {key: getattr(record.cost, key) for key in (*COSTS, *PAPER_COSTS)}
    known = {**record.metrics.val, **costs, **(measured or {})}
    values = [known.get(objective.key) for objective in objectives]
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    return tuple(finite) if len(finite) == len(values) else None


def lower_is_better(
    values_RO: Sequence[Sequence[float]], objectives: Sequence[Objective]
) -> Values:
    """Values of R runs with signs that make less of each better, costs as logarithms."""
    signs = [-1.0 if one.direction == "maximize" else 1.0 for one in objectives]
    return np.array([for_model(values, objectives) for values in values_RO], np.float64) * signs


def for_model(values: Sequence[float], objectives: Sequence[Objective]) -> list[float]:
    """The values as a model sees them: costs as logarithms, the front stays the same."""
    return [
        math.log(value) if objective.is_cost else value
        for objective, value in zip(objectives, values, strict=True)
    ]
