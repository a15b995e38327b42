"""What the commands that read finished runs share: their parser, their records, their exit status.

Imports nothing heavy: `-h` has to answer at once.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.records.frames import Frames


def parser(module: str, description: str, more: str) -> argparse.ArgumentParser:
    """A parser with `--results`.

    Args:
        module: dotted name of the package that is run.
        description: what it does.
        more: examples and the like, printed as they are.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--results", type=Path, default=Path("results"), help="folder of records")
    return made


def add_names(made: argparse.ArgumentParser, choices: Iterable[str]) -> None:
    """Add names of what to make; none means all."""
    made.add_argument(
        "names", nargs="*", metavar="name", help=f"{', '.join(choices)}; default: all"
    )


def add_select(made: argparse.ArgumentParser) -> None:
    """Add `--select`: which validation metric chooses the configuration of each method."""
    made.add_argument(
        "--select", metavar="METRIC", default="nll",
        help="choose each method's configuration by this validation metric, such as accuracy or "
        "ece; a task that does not have it uses the NLL (default: nll)",
    )  # fmt: skip


def add_costs(made: argparse.ArgumentParser) -> None:
    """Add `--costs`: of the deployed network, or as the paper counts."""
    made.add_argument(
        "--costs", choices=("flops,params", "paper_flops,paper_params"), default="flops,params",
        help="of the deployed network, or as the paper counts (N stem slices, BatchNorm apart) "
        "(default: flops,params)",
    )  # fmt: skip


def finished_runs(results: Path, select: str = "nll", costs: str | None = None) -> Frames:
    """The frames of a results folder.

    Args:
        results: the folder.
        select: the metric of `--select`.
        costs: the costs of `--costs`.

    Raises:
        UserError: it has no finished runs, no task has the metric, or no record the costs.
    """
    from bench.records.costs import counted
    from bench.records.frames import load_frames
    from bench.records.selection import checked

    frames = load_frames(results, checked(select)) if results.is_dir() else None
    if frames is None or frames.runs.empty:
        raise no_finished_runs(results)
    return replace(frames, runs=counted(frames.runs, costs))


def no_finished_runs(results: Path) -> UserError:
    """What to say of such a folder."""
    return UserError(f"no finished runs in {results}; run `python -m bench.compare` first")


def exit_status(work: Callable[[], None], log: logging.Logger) -> int:
    """Work: 0, or 2 after a message when the user has to mend something."""
    try:
        work()
    except UserError as error:
        log.error("%s", error)  # noqa: TRY400 - the user's mistake: a message, no traceback
        return 2
    return 0


def show_messages() -> None:
    """The project's messages alone on the screen: libraries say twenty lines of their own."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("bench").setLevel(logging.INFO)
