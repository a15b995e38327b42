"""The table at the end of a command, for reading and as files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from bench.console import command
from bench.records.flags import flag_notes
from bench.records.frames import load_frames
from bench.records.schema import FinishedRun
from bench.records.store import Reader
from bench.tables.answers import answers
from bench.tables.narrow import fitted
from bench.tables.summary import summary_markdown, write_summary


def summarise(
    run_ids: Collection[str], results: Path, notes: Sequence[str], *, wide: bool = False
) -> None:
    """Write summary.csv (all records) and summary.md, and print the table of these runs.

    Args:
        run_ids: runs in the printed table.
        results: results folder.
        notes: put below the table, before the runs that failed.
        wide: print all columns, also where the terminal is narrower.
    """
    frames = load_frames(results)
    asked = set(run_ids)
    failures = frames.failures[frames.failures["run_id"].isin(asked)]
    failed = [f"failed {row.run_id} ({row.label}): {row.error}" for row in failures.itertuples()]
    mine = replace(frames, runs=frames.runs[frames.runs["run_id"].isin(asked)])
    read = map(Reader(results).load, mine.runs["run_id"].unique())
    flagged = flag_notes(each for each in read if isinstance(each, FinishedRun))
    text = summary_markdown(mine.runs, [*notes, *flagged, *failed], answers=answers(mine))
    write_summary(results, frames.runs, text)
    columns = None if wide or not sys.stdout.isatty() else shutil.get_terminal_size().columns
    sys.stdout.write("\n" + fitted(text, columns))
    sys.stdout.write(
        f"\nall configurations: {results / 'summary.csv'}; "
        f"figures: {command.line('figures', results=results)}\n"
    )
