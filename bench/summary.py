"""The table at the end of a command, for reading and as files."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.config import RunConfig
from bench.context import Context
from bench.frames import load_frames
from bench.tables.summary import summary_markdown, write_summary


def summarise(configs: Sequence[RunConfig], context: Context, notes: Sequence[str]) -> None:
    """Write summary.csv (all records) and summary.md, and print the table of these runs.

    Args:
        configs: the runs that the table is about.
        context: whose results are read.
        notes: put below the table, before the runs that failed.
    """
    frames = load_frames(context.results)
    asked = {config.run_id for config in configs}
    failures = frames.failures[frames.failures["run_id"].isin(asked)]
    failed = [f"failed {row.run_id} ({row.label}): {row.error}" for row in failures.itertuples()]
    mine = frames.runs[frames.runs["run_id"].isin(asked)]
    text = summary_markdown(mine, [*notes, *failed])
    write_summary(context.results, frames.runs, text)
    sys.stdout.write("\n" + text)
    sys.stdout.write(
        f"\nall configurations: {context.results / 'summary.csv'}; "
        "figures: python -m bench.figures\n"
    )
