"""Write the statistics of a results folder: `python -m bench.statistics`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.cli import record_options
from bench.console import command
from bench.storage import atomic

LOG = logging.getLogger("bench.statistics")

_EXAMPLES = """examples:
  python -m bench.statistics                       results/ -> results/statistics/*.csv
  python -m bench.statistics --results /tmp/study  of another folder

The tables are described in docs/statistics.md.
"""


def _parser() -> argparse.ArgumentParser:
    description = "Intervals, comparisons, ranks and effects of finished runs, as CSV files."
    return record_options.parser("statistics", description, _EXAMPLES)


def main(argv: Sequence[str] | None = None) -> int:
    """Write every table and print the most important one.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 where there are no finished runs or files are missing.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _write(options.results))


def _write(results: Path) -> None:
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.formatting.safe_csv import to_csv
    from bench.statistics.friedman import blocks, rank_test
    from bench.statistics.selection import warnings_of
    from bench.statistics.study import summary, tables

    frames = record_options.finished_runs(results)
    folder = atomic.folder_to_write(results / "statistics")
    written = {}
    for name, table in tables(frames):
        path = folder / f"{name}.csv"
        atomic.write_whole(path, to_csv(table).encode())
        LOG.info("%s", path)
        written[name] = table
    warned = warnings_of(frames)
    text = summary(written["intervals"], rank_test(blocks(frames)), warned)
    text += "".join(f"\n{note}\n" for note in frames.notes)
    atomic.write_whole(folder / "summary.md", text.encode())
    sys.stdout.write(text)


if __name__ == "__main__":
    command.run(main)
