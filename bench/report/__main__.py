"""Write the report of the records: `python -m bench.report`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.cli import record_options
from bench.console import command
from bench.errors import UserError
from bench.storage import atomic

LOG = logging.getLogger("bench.report")

_EXAMPLES = """examples:
  python -m bench.report                               results/ -> results/report.html
  python -m bench.report --results results --out /tmp/report.html
"""


def _parser() -> argparse.ArgumentParser:
    description = (
        "Write one HTML file with everything that the records of finished runs show. "
        "It opens from disk, without a network."
    )
    parser = record_options.parser("report", description, _EXAMPLES)
    record_options.add_select(parser)
    record_options.add_costs(parser)
    parser.add_argument(
        "--out", type=Path, help="file to write (default: report.html in the results folder)"
    )
    return parser


def _write(results: Path, select: str, costs: str, out: Path) -> None:
    command.collect_seldom()
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.records.costs import NOTE, counted, is_paper
    from bench.records.selection import checked
    from bench.report.build import content
    from bench.report.page import render
    from bench.report.study import read_study

    if out.is_dir():
        raise UserError(f"--out {out}: is a folder; it must be the file to write")
    study = read_study(results, checked(select)) if results.is_dir() else None
    if study is None or not study.records:
        raise record_options.no_finished_runs(results)
    frames = replace(study.frames, runs=counted(study.frames.runs, costs))
    shown = content(replace(study, frames=frames))
    if is_paper(costs):
        shown = replace(shown, headline=f"{shown.headline} {NOTE}")
    page = render(shown)
    atomic.folder_to_write(out.parent)
    atomic.write_whole(out, page.encode())
    LOG.info("%s (%.1f MB)", out, len(page.encode()) / 1e6)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 when there are no finished runs or the file cannot be written.
    """
    options = _parser().parse_args(argv)
    out = options.out or options.results / "report.html"
    return command.answer(lambda: _write(options.results, options.select, options.costs, out))


if __name__ == "__main__":
    command.run(main)
