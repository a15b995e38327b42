"""Write the tables of the records: `python -m bench.tables`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError
from bench.tables import load, names

LOG = logging.getLogger("bench.tables")

_EXAMPLES = """examples:
  python -m bench.tables                               all tables, results/ -> results/tables/
  python -m bench.tables best ranks                    only these two
  python -m bench.tables --results results --out /tmp/tables
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tables",
        description="Write tables of the records of finished runs, as CSV, Markdown and LaTeX.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"{', '.join(names())} (default: all)"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records")
    parser.add_argument(
        "--out", type=Path, help="folder to write to (default: tables/ in the results folder)"
    )
    return parser


def _write(wanted: Sequence[str], *, results: Path, out: Path) -> None:
    # Before any work: a typo in the last name must not cost the time of the first.
    makers = [load(name) for name in wanted]

    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.frames import load_frames
    from bench.records import storage_errors, write_file
    from bench.tables.rendering import FORMATS

    frames = load_frames(results) if results.is_dir() else None
    if frames is None or frames.runs.empty:
        raise UserError(f"no finished runs in {results}; run `python -m bench.compare` first")
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for tables in makers:
        for table in tables(frames):
            for ending, render in FORMATS.items():
                write_file(out / f"{table.stem}.{ending}", render(table).encode())
            LOG.info("%s (%s)", out / table.stem, ", ".join(FORMATS))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the named tables.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 for an unknown table, when there are no finished runs, or when
        the folder can not be written.
    """
    options = _parser().parse_args(argv)
    try:
        _write(
            options.names or names(),
            results=options.results,
            out=options.out or options.results / "tables",
        )
    except UserError as error:
        LOG.error("%s", error)  # noqa: TRY400 - the user's mistake: a message, no traceback
        return 2
    return 0


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("bench").setLevel(logging.INFO)
    sys.exit(main())
