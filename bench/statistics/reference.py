"""The network that budgets are multiples of: the data set's default standard NN.

It is the same in every study of a data set, whichever configuration is the best there: "2x" means
the same in two folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

# Width and depth that each backbone has by default (`methods.backbones`; views import no networks,
# so a test holds them equal).
DEFAULTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"fc": (128, 4), "resnet": (16, 4), "vgg": (16, 4), "vit": (64, 4)}
)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What one data set's budgets are multiples of.

    Attributes:
        config_id, label: the configuration.
        width, depth: its backbone's.
        costs: mean over its runs, by name of the cost.
        is_default: is it the default standard NN?
    """

    config_id: str
    label: str
    width: float
    depth: float
    costs: Mapping[str, float]
    is_default: bool

    @property
    def text(self) -> str:
        """What 1x is, for a note."""
        what = f"1x is the standard NN {self.label}"
        if self.is_default:
            return f"{what}, the data set's default network."
        return (
            f"{what}, the nearest that was run to the data set's default network: budgets of "
            "another study may mean something else."
        )


def reference(runs: pd.DataFrame, costs: Sequence[str]) -> Reference | None:
    """The reference of one dataset; None without a standard NN.

    Where the default network was not run, the standard NN nearest to it in the logarithms of width
    and depth stands in, and without a known backbone the cheapest one.

    Args:
        runs: the ``runs`` frame of one dataset.
        costs: columns.
    """
    standard = runs[runs["method"] == "standard"]
    if standard.empty:
        return None
    found = standard.groupby("config_id", sort=True).agg(
        label=("label", "first"), backbone=("backbone", "first"),
        width=("width", "first"), depth=("depth", "first"),
        **{cost: (cost, "mean") for cost in costs},
    )  # fmt: skip
    defaults = pd.DataFrame(
        [DEFAULTS.get(name, (np.nan, np.nan)) for name in found["backbone"]],
        index=found.index, columns=["width", "depth"],
    )  # fmt: skip
    ratios = found[["width", "depth"]] / defaults
    distance = ratios.map(np.log).abs().sum(axis=1, skipna=False)
    order = found.assign(distance=distance, id=found.index)
    config_id = str(order.sort_values(["distance", *costs[:1], "id"]).index[0])
    row = found.loc[config_id].to_dict()
    return Reference(
        config_id=config_id,
        label=str(row["label"]),
        width=float(row["width"]),
        depth=float(row["depth"]),
        costs={cost: float(row[cost]) for cost in costs},
        is_default=bool(distance[config_id] == 0),
    )
