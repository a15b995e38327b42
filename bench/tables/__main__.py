"""Write the tables of the records: `python -m bench.tables`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.cli import record_options
from bench.console import command
from bench.storage import atomic
from bench.tables import load, names

LOG = logging.getLogger("bench.tables")

_EXAMPLES = """examples:
  python -m bench.tables                               all tables, results/ -> results/tables/
  python -m bench.tables best ranks                    only these two
  python -m bench.tables summary --select ece          what validation ECE would choose
  python -m bench.tables --costs paper_flops,paper_params   as the paper counts
  python -m bench.tables --results results --out /tmp/tables
"""


def _parser() -> argparse.ArgumentParser:
    description = "Write tables of the records of finished runs, as CSV, Markdown and LaTeX."
    parser = record_options.parser("tables", description, _EXAMPLES)
    record_options.add_names(parser, names())
    record_options.add_select(parser)
    record_options.add_costs(parser)
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: tables/ in the results folder)"
    )
    return parser


def _write(wanted: Sequence[str], *, results: Path, select: str, costs: str, out: Path) -> None:
    # Before any work: a typo in the last name must not cost the time of the first.
    makers = [load(name) for name in wanted]

    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.formatting.rendering import FORMATS
    from bench.records.costs import NOTE, SUFFIX, is_paper

    frames = record_options.finished_runs(results, select, costs)
    atomic.folder_to_write(out)
    for tables in makers:
        for table in tables(frames):
            made = replace(table, notes=(*table.notes, *frames.notes))
            if is_paper(costs):
                made = replace(made, stem=made.stem + SUFFIX, notes=(*made.notes, NOTE))
            for ending, render in FORMATS.items():
                atomic.write_whole(out / f"{made.stem}.{ending}", render(made).encode())
            LOG.info("%s (%s)", out / made.stem, ", ".join(FORMATS))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the named tables.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 for an unknown table, when there are no finished runs, or when
        the folder cannot be written.
    """
    options = _parser().parse_args(argv)
    wanted, out = options.names or names(), options.out or options.results / "tables"
    results, select, costs = options.results, options.select, options.costs
    return command.answer(
        lambda: _write(wanted, results=results, select=select, costs=costs, out=out)
    )


if __name__ == "__main__":
    command.run(main)
