"""Draw the figures from the records: `python -m bench.figures`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UserError
from bench.figures import Pairs, load, names

LOG = logging.getLogger("bench.figures")

_EXAMPLES = """examples:
  python -m bench.figures                              all figures, results/ -> plots/
  python -m bench.figures pareto ood                   only these two
  python -m bench.figures pareto heatmap --pairs all   every pair of performance and calibration
  python -m bench.figures --results results --plots /tmp/plots
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.figures",
        description="Draw figures from the records of finished runs, as PNG and PDF.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"{', '.join(names())} (default: all)"
    )
    parser.add_argument(
        "--pairs", choices=("main", "all"), default="main",
        help="metrics of pareto and heatmap: the main pair, or every one (default: main)",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records")
    parser.add_argument("--plots", type=Path, default=Path("plots"), help="folder to write to")
    return parser


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a killed run must not leave half a picture."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _draw(wanted: Sequence[str], pairs: Pairs, *, results: Path, plots: Path) -> None:
    # Before any drawing: a typo in the last name must not cost the time of the first.
    drawers = [load(name, pairs) for name in wanted]

    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.figures import style
    from bench.frames import load_frames

    frames = load_frames(results) if results.is_dir() else None
    if frames is None or frames.runs.empty:
        raise UserError(f"no finished runs in {results}; run `python -m bench.compare` first")

    plots.mkdir(parents=True, exist_ok=True)
    for figures in drawers:
        for stem, figure in figures(frames):
            for file_format in style.FORMATS:
                path = plots / f"{stem}.{file_format}"
                _write(path, style.render(figure, file_format))
                LOG.info("%s", path)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the named figures.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 for an unknown figure or when there are no finished runs.
    """
    options = _parser().parse_args(argv)
    try:
        _draw(options.names or names(), options.pairs, results=options.results, plots=options.plots)
    except UserError as error:
        LOG.error("%s", error)  # noqa: TRY400 - the user's mistake: a message, no traceback
        return 2
    return 0


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    # The project's messages alone: at this level, writing a PDF makes fontTools say twenty lines.
    logging.getLogger("bench").setLevel(logging.INFO)
    sys.exit(main())
