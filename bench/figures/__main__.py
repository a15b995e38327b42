"""Draw the figures from the records: `python -m bench.figures`."""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from bench.cli import record_options
from bench.console import command
from bench.figures import load, names
from bench.storage import atomic

LOG = logging.getLogger("bench.figures")

_EXAMPLES = """examples:
  python -m bench.figures                              all figures, results/ -> plots/
  python -m bench.figures pareto ood                   only these two
  python -m bench.figures pareto heatmap --pairs all   every pair of performance and calibration
  python -m bench.figures pareto --costs eager_latency_ms,onnx_mib   what bench.latency measured
  python -m bench.figures --results results --plots /tmp/plots
"""


def _parser() -> argparse.ArgumentParser:
    description = "Draw figures from the records of finished runs, as PNG and PDF."
    parser = record_options.parser("figures", description, _EXAMPLES)
    record_options.add_names(parser, names())
    record_options.add_select(parser)
    parser.add_argument(
        "--pairs", choices=("main", "all"), default="main",
        help="metrics of pareto and heatmap: the main pair, or every one (default: main)",
    )  # fmt: skip
    parser.add_argument(
        "--costs", metavar="A,B",
        help="cost axes of pareto: flops, params or a measure of docs/latency.md, such as "
        "eager_latency_ms; paper_flops,paper_params: all figures as the paper counts "
        "(default: flops,params)",
    )  # fmt: skip
    parser.add_argument("--plots", type=Path, default=Path("plots"), help="folder to write to")
    return parser


def _draw(options: argparse.Namespace) -> None:
    command.collect_seldom()
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.figures import style
    from bench.figures.layout import note_added
    from bench.figures.numbers.cost_axes import parse
    from bench.records.costs import NOTE, SUFFIX, is_paper

    # Before any drawing: a typo in the last name must not cost the time of the first.
    papers = is_paper(options.costs)
    axes = None if options.costs is None or papers else parse(options.costs)
    drawers = {name: load(name, options.pairs, axes) for name in options.names or names()}
    frames = record_options.finished_runs(options.results, options.select, options.costs)
    plots = atomic.folder_to_write(options.plots)
    notes = (*frames.notes, *((NOTE,) if papers else ()))
    for name, figures in drawers.items():
        with command.leaving_out(name) if options.names == [] else contextlib.nullcontext():
            for stem, figure in figures(frames):
                for note in notes:
                    note_added(figure, note)
                for file_format in style.FORMATS:
                    path = plots / f"{stem}{SUFFIX if papers else ''}.{file_format}"
                    atomic.write_whole(path, style.render(figure, file_format))
                    LOG.info("%s", path)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the named figures.

    Args:
        argv: Command line without the program's name; None reads sys.argv.

    Returns:
        The exit status: 0, or 2 for an unknown figure or cost, or when there are no finished runs.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _draw(options))


if __name__ == "__main__":
    command.run(main)
