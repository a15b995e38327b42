"""What is exported against what the paper counts; where the FLOPs of a network are."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from bench.formatting import cells
from bench.formatting.table import Table
from bench.records.costs import COSTS, PAPER_COSTS
from bench.records.frames import Frames
from bench.records.network_parts import PARTS, part_of

LOG = logging.getLogger(__name__)

_SHARES_NOTE = (
    "FLOPs (fused multiply-adds for one image) of the deployed network, all members. Mean share "
    "over all configurations, and the smallest and largest in brackets. Adapters bring an early "
    "exit's features to the last stage's width; heads are the last linear layer of each exit."
)
_COUNTS_NOTE = (
    "Deployed: the exported network, BatchNorm folded, the N stem slices of the repeated image "
    "summed, heads merged. Paper: its layers as they are trained, unused parts removed. Means over "
    "all configurations, each a mean over seeds, and the ratio deployed / paper with its smallest "
    "and largest value in brackets."
)
_CHOSEN_NOTE = (
    "The configuration of each method that validation chooses, see the summary table. FLOPs "
    "(fused multiply-adds for one image) of the deployed network, all members."
)


def tables(frames: Frames) -> Iterator[Table]:
    """Both counts by method, shares over all configurations, the chosen configurations' FLOPs."""
    counts = both_counts(frames.runs)
    if not counts.empty:
        yield Table(
            stem="costs_counts",
            caption="Costs of the deployed network against those that the paper counts.",
            numbers=counts,
            cells=_count_cells(counts),
            notes=(_COUNTS_NOTE,),
        )
    if frames.parts.empty:
        LOG.info("costs: nothing to show, no record has its cost by part")
        return
    flops = flops_by_part(frames.parts)
    shares = share_summary(flops)
    yield Table(
        stem="costs_shares",
        caption="Share of each part in the FLOPs, by backbone and method.",
        numbers=shares,
        cells=_share_cells(shares),
        notes=(_SHARES_NOTE,),
    )
    chosen = chosen_flops(frames, flops)
    if not chosen.empty:
        yield Table(
            stem="costs_chosen",
            caption="FLOPs of each part of the network that each method would choose.",
            numbers=chosen,
            cells=_chosen_cells(chosen),
            notes=(_CHOSEN_NOTE,),
        )


def both_counts(runs: pd.DataFrame) -> pd.DataFrame:
    """The deployed network's costs beside the paper's, by dataset, backbone and method.

    Args:
        runs: the ``runs`` frame; rows without the paper's costs count for nothing.

    Returns:
        Columns dataset, backbone, category, configurations, for each cost its mean, and for each
        of ``COSTS`` <cost>_ratio (deployed / paper), <cost>_ratio_min and <cost>_ratio_max.
    """
    keys = ["dataset", "backbone", "category"]
    if not set(PAPER_COSTS) <= set(runs.columns):
        return pd.DataFrame(columns=keys)
    once = runs.drop_duplicates("run_id").dropna(subset=list(PAPER_COSTS))
    means = once.groupby([*keys, "config_id"])[[*COSTS, *PAPER_COSTS]].mean()
    grouped = means.groupby(keys, sort=True)
    table = grouped.mean().assign(configurations=grouped.size())
    for ours, paper in zip(COSTS, PAPER_COSTS, strict=True):
        ratios = (means[ours] / means[paper]).groupby(keys)
        name = f"{ours}_ratio"
        table = table.assign(
            **{name: ratios.mean(), f"{name}_min": ratios.min(), f"{name}_max": ratios.max()}
        )
    return table.reset_index()


def flops_by_part(parts: pd.DataFrame) -> pd.DataFrame:
    """FLOPs of each part, mean over the seeds of each configuration.

    Seeds can differ: which of SAE's exits stay active is learned.

    Args:
        parts: the ``parts`` frame of ``bench.records.frames``.

    Returns:
        Columns dataset, backbone, category, config_id, label, one for each of ``PARTS`` (0 where a
        network has none) and total; one row a configuration.
    """
    rows = parts.assign(part=parts["part"].map(part_of))
    keys = ["dataset", "backbone", "category", "config_id", "label"]
    by_run = rows.pivot_table(
        index=[*keys, "run_id"], columns="part", values="flops", aggfunc="sum", fill_value=0
    )
    by_run = by_run.reindex(columns=list(PARTS), fill_value=0)
    means = by_run.groupby(keys, sort=True).mean()
    means.columns.name = None
    return means.assign(total=means.sum(axis=1)).reset_index()


def share_summary(flops: pd.DataFrame) -> pd.DataFrame:
    """Mean, smallest and largest share of each part over all configurations.

    Args:
        flops: from ``flops_by_part``.

    Returns:
        Columns backbone, category, configurations, and for each of ``PARTS`` <part>, <part>_min,
        <part>_max: shares of the total, 0 to 1.
    """
    parts = list(PARTS)
    shares = flops[parts].div(flops["total"], axis=0).join(flops[["backbone", "category"]])
    grouped = shares.groupby(["backbone", "category"], sort=True)
    columns: dict[str, pd.Series] = {"configurations": grouped.size()}
    for part in parts:
        columns[part] = grouped[part].mean()
        columns[f"{part}_min"], columns[f"{part}_max"] = grouped[part].min(), grouped[part].max()
    return pd.DataFrame(columns).reset_index()


def chosen_flops(frames: Frames, flops: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``flops_by_part`` of each dataset's chosen configurations, cheapest first."""
    found = []
    for dataset, rows in frames.runs.groupby("dataset", sort=True):
        ids = frames.chosen(rows)["config_id"]
        some = flops[(flops["dataset"] == dataset) & flops["config_id"].isin(ids)]
        found.append(some.sort_values(["total", "category"]))
    return pd.concat(found, ignore_index=True) if found else flops.iloc[:0]


def _count_cells(counts: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "Dataset": counts["dataset"],
            "Backbone": counts["backbone"],
            "Method": counts["category"],
            "Configurations": counts["configurations"].astype(str),
        }
    )
    heads = ("FLOPs", "Parameters")
    for head, ours, paper in zip(heads, COSTS, PAPER_COSTS, strict=True):
        table[f"{head}, deployed"] = [cells.cost(value) for value in counts[ours]]
        table[f"{head}, paper"] = [cells.cost(value) for value in counts[paper]]
        ratios = (counts[f"{ours}_ratio{end}"] for end in ("", "_min", "_max"))
        table[f"{head}, ratio"] = [
            f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in zip(*ratios, strict=True)
        ]
    return table


def _present(numbers: pd.DataFrame) -> list[str]:
    """The parts that any row has: a column of zeros tells nothing."""
    return [part for part in PARTS if (numbers[part] > 0).any()]


def _share_cells(shares: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "Backbone": shares["backbone"],
            "Method": shares["category"],
            "Configurations": shares["configurations"].astype(str),
        }
    )
    for part in _present(shares):
        table[part.capitalize()] = [
            f"{mean:.1%} [{low:.1%}, {high:.1%}]"
            for mean, low, high in zip(
                shares[part], shares[f"{part}_min"], shares[f"{part}_max"], strict=True
            )
        ]
    return table


def _chosen_cells(chosen: pd.DataFrame) -> pd.DataFrame:
    heads = {"dataset": "Dataset", "backbone": "Backbone", "category": "Method"}
    table = chosen[list(heads)].rename(columns=heads).assign(Configuration=chosen["label"])
    for part in _present(chosen):
        table[part.capitalize()] = [
            f"{cells.cost(value)} ({value / total:.1%})"
            for value, total in zip(chosen[part], chosen["total"], strict=True)
        ]
    table["All"] = [cells.cost(value) for value in chosen["total"]]
    return table
