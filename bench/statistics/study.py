"""Every table of the statistics of one results folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from bench.records.frames import Frames
from bench.records.pareto import quality_of
from bench.statistics.budget import equal_cost
from bench.statistics.calibration_floor import ece_report
from bench.statistics.cost_to_match import cost_to_match
from bench.statistics.differences import differences
from bench.statistics.effects import effects
from bench.statistics.ensemble_equivalent import ensemble_equivalents
from bench.statistics.expected_validation import expected_validation
from bench.statistics.friedman import RankTest, blocks
from bench.statistics.fronts import attainment, hypervolumes
from bench.statistics.influence import Split
from bench.statistics.intervals import intervals
from bench.statistics.selection import selection_quality
from bench.statistics.validation_drop import drops

SPLITS: tuple[Split, ...] = ("test", "ood")
# What the others are compared with, where a dataset has it.
REFERENCES = ("Standard NN", "NN Ensemble")


def tables(frames: Frames) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, table) of each, for the configurations that validation chose.

    Raises:
        ValueError: frames without a folder.
        UserError: predictions that are missing.
    """
    chosen = {
        str(dataset): frames.chosen(runs)
        for dataset, runs in frames.runs.groupby("dataset", sort=True)
    }
    ids = [config_id for choice in chosen.values() for config_id in choice["config_id"]]
    yield "intervals", intervals(frames, ids, splits=SPLITS)
    references = [
        str(config_id)
        for choice in chosen.values()
        for config_id in choice.loc[choice["category"].isin(REFERENCES), "config_id"]
    ]
    compared = [differences(frames, ids, reference, splits=SPLITS) for reference in references]
    if compared:
        yield "differences", pd.concat(compared, ignore_index=True)
    yield "equal_cost", equal_cost(frames)
    yield "cost_to_match", cost_to_match(frames)
    yield "ensemble_equivalents", ensemble_equivalents(frames, select=frames.select)
    yield "selection", selection_quality(frames)
    yield "ece", ece_report(frames, ids)
    yield "drops", drops(frames)
    yield "rank_blocks", blocks(frames).reset_index()
    yield "hypervolumes", hypervolumes(frames)
    yield "attainment", _attainment(frames)
    yield "effects", effects(frames)
    if not (searched := expected_validation(frames)).empty:
        yield "expected_validation", searched


def _attainment(frames: Frames) -> pd.DataFrame:
    """Performance that is attained for FLOPs, of each dataset."""
    found = []
    for dataset, runs in frames.runs.groupby("dataset", sort=True):
        objectives = ("flops", quality_of(str(runs["task"].iloc[0]))[0])
        table = attainment(frames, str(dataset), objectives)
        table.insert(0, "dataset", dataset)
        found.append(table.assign(x_is=objectives[0], y_is=objectives[1]))
    return pd.concat(found, ignore_index=True)


def summary(measured: pd.DataFrame, ranked: RankTest, warned: Mapping[str, str]) -> str:
    """A page of text: performance and NLL of each category on test, and the ranks.

    Args:
        measured: as `intervals`.
        ranked: as `rank_test`.
        warned: by dataset, what is to be said of how it selects.
    """
    parts = []
    for dataset, rows in measured[measured["split"] == "test"].groupby("dataset", sort=True):
        keys = [key for key in ("accuracy", "mse", "nll", "ece") if key in set(rows["metric"])]
        lines = []
        for (category, label), of_one in rows.groupby(["category", "label"], sort=False):
            by_key = of_one.set_index("metric")
            seeds, expected = by_key["n_seeds"].iloc[0], by_key["expected_seeds"].iloc[0]
            only = " images only" if seeds == 1 else ""
            cells = {
                key: _cell(*by_key.loc[key, ["estimate", "low", "high"]]) + only for key in keys
            }
            lines.append(
                {"category": category, "configuration": label, "seeds": f"{seeds} of {expected}"}
                | cells
            )
        table = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
        parts.append(f"## {dataset}: test, 95% intervals over seeds and examples\n\n{table}")
        if str(dataset) in warned:
            parts.append(warned[str(dataset)])
    return "\n\n".join([*parts, _ranks(ranked)]) + "\n"


def _cell(estimate: float, low: float, high: float) -> str:
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def _ranks(ranked: RankTest) -> str:
    ranks = ", ".join(f"{category} {rank:.2f}" for category, rank in ranked.ranks.items())
    lines = [f"Average ranks over {ranked.n_blocks} blocks (dataset, metric): {ranks}."]
    if ranked.critical_difference is not None:
        lines.append(
            f"Friedman p = {ranked.p:.2g}; critical difference at 5%: "
            f"{ranked.critical_difference:.2f}."
        )
    if not ranked.enough:
        lines.append(f"Too few to tell: {ranked.message}.")
    return "\n".join(lines)
