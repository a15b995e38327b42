"""The two costs that a Pareto figure shows: counted from the network, or measured on a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from bench.errors import UserError
from bench.figures import style
from bench.records.costs import COSTS
from bench.records.measurements import MEASURES, machines_of

PAPER_LABELS = {
    "paper_flops": "FLOPs as the paper counts (fused multiply-adds)",
    "paper_params": "Parameters as the paper counts",
}
# What can be an axis, with its label. Lower is better for all.
LABELS: Mapping[str, str] = MappingProxyType(
    {"flops": style.FLOPS_LABEL, "params": style.PARAMS_LABEL} | PAPER_LABELS | dict(MEASURES)
)


@dataclass(frozen=True)
class CostAxes:
    """Keys of the x and the y axis, of `LABELS`.

    Raises:
        UserError: a key is unknown, or both are the same.
    """

    x: str = COSTS[0]
    y: str = COSTS[1]

    def __post_init__(self) -> None:
        for key in self.keys:
            if key not in LABELS:
                raise UserError(f"unknown cost {key!r}; choose from {', '.join(LABELS)}")
        if self.x == self.y:
            raise UserError(f"--costs {self.x},{self.y}: the axes must be two different costs")

    @property
    def keys(self) -> tuple[str, str]:
        """Both."""
        return self.x, self.y

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of both axes."""
        return LABELS[self.x], LABELS[self.y]

    @property
    def measured(self) -> tuple[str, ...]:
        """The keys that bench.latency measures."""
        return tuple(key for key in self.keys if key in MEASURES)

    def stem(self, stem: str) -> str:
        """The file stem: counted costs go without saying."""
        return stem if self == CostAxes() else "_".join([stem, *self.keys])

    def shown(self, runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """The test rows of configurations that were measured in every seed, and the note about it.

        Args:
            runs: The runs frame of one dataset, all splits.

        Returns:
            Rows, none where a measure was taken of no run; sentences for a note, none where both
            costs are counted.
        """
        test = runs[runs["split"] == "test"]
        if not self.measured:
            return test, []
        if not set(self.measured) <= set(test.columns):
            return test.iloc[:0], []
        known = test[list(self.measured)].notna().all(axis=1)
        complete = known.groupby(test["config_id"]).transform("all")
        shown = test[complete]
        notes = [
            f"Measured on {machines_of(shown)}",
            "Selected on validation metrics, FLOPs and parameters, not on what was measured",
        ]
        absent = test.loc[~complete, "config_id"].nunique()
        if absent:
            n_all = test["config_id"].nunique()
            notes.append(f"{absent} of {n_all} configurations were not measured and are not shown")
        return shown, notes


def parse(text: str) -> CostAxes:
    """Read `--costs`: two keys with a comma.

    Raises:
        UserError: other than two, or see `CostAxes`.
    """
    keys = text.split(",")
    if len(keys) != 2:
        raise UserError(f"--costs {text}: must be two costs, for example flops,params")
    return CostAxes(*keys)
