"""Write the statistics of a results folder: `python -m bench.statistics`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError

LOG = logging.getLogger("bench.statistics")

_EXAMPLES = """examples:
  python -m bench.statistics                       results/ -> results/statistics/*.csv
  python -m bench.statistics --results /tmp/study  of another folder

docs/statistics.md says what the tables mean.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.statistics",
        description="Intervals, comparisons, ranks and effects of finished runs, as CSV files.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write every table and print the most important one.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 where there are no finished runs or files are missing.
    """
    options = _parser().parse_args(argv)
    try:
        sys.stdout.write(_write(options.results))
    except UserError as error:
        LOG.error("%s", error)  # noqa: TRY400 - the user's mistake: a message, no traceback
        return 2
    return 0


def _write(results: Path) -> str:
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.frames import load_frames
    from bench.records import storage_errors, write_file
    from bench.statistics.ranks import blocks, rank_test
    from bench.statistics.study import summary, tables

    frames = load_frames(results) if results.is_dir() else None
    if frames is None or frames.runs.empty:
        raise UserError(f"no finished runs in {results}; run `python -m bench.compare` first")
    folder = results / "statistics"
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    written = {}
    for name, table in tables(frames):
        path = folder / f"{name}.csv"
        write_file(path, table.to_csv(index=False).encode())
        LOG.info("%s", path)
        written[name] = table
    text = summary(written["intervals"], rank_test(blocks(frames)))
    write_file(folder / "summary.md", text.encode())
    return text


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    # The project's messages alone.
    logging.getLogger("bench").setLevel(logging.INFO)
    sys.exit(main())
