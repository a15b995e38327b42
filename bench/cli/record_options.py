"""The options and the records of the commands that read finished runs."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.console import command
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.records.frames import Frames

_log = logging.getLogger(__name__)


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser with `--results`; see `bench.console.command.parser`."""
    made = command.parser(name, description, examples)
    command.add_results(made)
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

    Raises:
        UserError: it has no finished runs, no task has the metric, or no record the costs.
    """
    # Heavy: not for -h.
    from bench.records.costs import counted
    from bench.records.frames import load_frames
    from bench.records.selection import checked

    frames = load_frames(results, checked(select)) if results.is_dir() else None
    if frames is None or frames.runs.empty:
        raise no_finished_runs(results, 0 if frames is None else len(frames.failures))
    for note in frames.notes:
        _log.warning("%s", note)
    return replace(frames, runs=counted(frames.runs, costs))


def no_finished_runs(results: Path, failed: int = 0) -> UserError:
    """The error of such a folder."""
    if failed:
        reasons = command.line("records failures", results=results)
        return UserError(
            f"no finished runs in {results}: {failed} failed; `{reasons}` lists the reasons, and "
            f"`{command.line('report', results=results)}` shows them"
        )
    return UserError(
        f"no finished runs in {results}; run `{command.line('compare', results=results)}` first"
    )
