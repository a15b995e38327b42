"""Ranks of the categories over datasets and metrics, and whether they can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

from bench.formatting import cells
from bench.report.study import Study
from bench.report.tables import Cell, Row, Table
from bench.statistics.friedman import RankTest, blocks, rank_test
from bench.statistics.improvement import improvements


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Mean ranks, best first (None without any), what their test tells, and P(improvement)."""

    table: Table | None
    improvement: Table | None
    verdict: str
    enough: bool


def ranks(study: Study) -> Ranks:
    """The rank test over all pairs of dataset and metric."""
    test = rank_test(blocks(study.frames))
    rows = tuple(
        Row(category=str(category), cells=(Cell(text=cells.number(rank, 2), value=float(rank)),))
        for category, rank in test.ranks.sort_values().items()
    )
    table = Table(caption="Mean rank of each category", heads=("Mean rank",), rows=rows)
    return Ranks(
        table=table if rows else None,
        improvement=_improvement(study),
        verdict=_verdict(test),
        enough=test.enough,
    )


def _improvement(study: Study) -> Table | None:
    """The probability that a run of a category beats one of the standard NN."""
    found = improvements(study.frames)
    if found.empty:
        return None
    rows = tuple(
        Row(
            category=row["category"],
            cells=(
                Cell(
                    text=cells.number(row["probability"], 2),
                    value=row["probability"],
                    below=cells.between(row["low"], row["high"], 2),
                ),
                Cell(text=str(row["n_datasets"]), value=row["n_datasets"]),
                Cell(text=str(row["n_seeds"]), value=row["n_seeds"]),
            ),
        )
        for row in found.sort_values("probability", ascending=False).to_dict("records")
    )
    heads = (f"P(better than {found['reference'].iloc[0]})", "Datasets", "Seeds")
    return Table(caption="Probability of improvement", heads=heads, rows=rows)


def _verdict(test: RankTest) -> str:
    if test.message:
        return test.message
    text = f"Friedman test over {test.n_blocks} blocks: p = {test.p:.2g}."
    if test.critical_difference is not None:
        text += f" Two ranks differ if they are {test.critical_difference:.2f} apart or more."
    return text
