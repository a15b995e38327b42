"""Does validation select? Rank correlation of validation and test, and what the choice lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.metrics.table import label_of
from bench.records.frames import Frames
from bench.statistics.selection import selection_quality, warnings_of

LOG = logging.getLogger(__name__)

_NOTE = (
    "Correlation: Spearman's, of validation and test over the configurations with all seeds, means "
    "over seeds; at 0 or below, validation does not select and what it chooses is an arbitrary "
    "pick. Regret: how much worse the configuration that validation chooses in this metric is on "
    "test than the best one there, and than the median one (below 0: better). Rank: its place on "
    "test, 1 is best."
)


def tables(frames: Frames) -> Iterator[Table]:
    """One table over all datasets with test results."""
    found = selection_quality(frames)
    if found.empty:
        LOG.info("selection: nothing to show, no configuration has validation and test results")
        return
    tasks = frames.runs.groupby("dataset")["task"].first()
    yield Table(
        stem="selection",
        caption="How well validation selects among the configurations of each dataset.",
        numbers=found,
        cells=pd.DataFrame(
            {
                "Dataset": found["dataset"],
                "Metric": [
                    label_of(str(tasks[dataset]), key)
                    for dataset, key in zip(found["dataset"], found["metric"], strict=True)
                ],
                "Configurations": found["n"].astype(str),
                "Correlation": [cells.number(rho, 2) for rho in found["rho"]],
                "Chosen": found["category"] + " " + found["label"],
                "Test": [cells.number(value) for value in found["chosen"]],
                "Regret": [cells.number(value) for value in found["regret"]],
                "To the median": [cells.number(value) for value in found["regret_to_median"]],
                "Rank": found["rank"].astype(str),
            }
        ),
        notes=(_NOTE, *warnings_of(frames).values()),
    )
