"""Bring the runs of other results folders into one. `python -m bench.records merge`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import UserError
from bench.records.store import Record, Store, read_run, search_folder, storage_errors

OK, BAD_INPUT = 0, 2

Fate = Literal["copied", "replaced", "there", "kept", "damaged"]
_SAYS: dict[Fate, str] = {
    "copied": "copied",
    "replaced": "copied over a recorded failure",
    "there": "there already",
    "kept": "finished in both with other results: the target's is kept",
    "damaged": "damaged, skipped",
}


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What became of a run of a source.

    Attributes:
        folder: of the source's run.
        fate: "there" if the target has it, or a failure of it, already.
        reason: what is damaged.
    """

    folder: Path
    fate: Fate
    reason: str = ""


def merge(sources: Sequence[Path], target: Path) -> list[Merged]:
    """Copy the runs, and those of searches, that ``target`` lacks; the sources are only read.

    A finished run replaces a recorded failure. Damaged runs are skipped. Nothing is copied if the
    data differ. Safe beside other processes that use the target.

    Args:
        sources: results folders.
        target: results folder; created if absent.

    Raises:
        UserError: a source has no runs or is the target, or two of the folders have runs on
            different data of one name.
        StorageError: the target can not be written, or a source not be read.
    """
    for source in sources:
        _check_source(source, target)
    _require_same_data([target, *sources])
    return [
        _merge_run(folder, Store(target_stage))
        for source in sources
        for source_stage, target_stage in zip(_stages(source), _stages(target), strict=True)
        for folder in _run_folders(source_stage)
    ]


def _stages(results: Path) -> tuple[Path, Path]:
    """The stores of a results folder: final runs, and those of searches."""
    return results, search_folder(results)


def _run_folders(store: Path) -> list[Path]:
    # Not a Store: that one would create folders here and set damaged runs aside.
    with storage_errors(store):
        runs = store / "runs"
        return sorted(path for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []


def _check_source(source: Path, target: Path) -> None:
    if not any((stage / "runs").is_dir() for stage in _stages(source)):
        raise UserError(f"{source}: not a results folder (it has no folder runs/)")
    if source.resolve() == target.resolve():
        raise UserError(f"{source}: is --into itself; name other results folders")


def _require_same_data(folders: Sequence[Path]) -> None:
    """One name of a dataset means one fingerprint, as in ``bench.runs.sweep``."""
    known: dict[str, tuple[str, Path]] = {}
    stages = [stage for results in folders for stage in _stages(results)]
    for folder in (folder for stage in stages for folder in _run_folders(stage)):
        for record in _intact(folder):
            if record["status"] != "done":
                continue
            name, found = record["config"]["dataset"], record["dataset"]["fingerprint"]
            fingerprint, first = known.setdefault(name, (found, folder))
            if found != fingerprint:
                raise UserError(
                    f"{folder} was made on other data of the name {name!r} than {first} "
                    f"(fingerprint {found[:12]}, there {fingerprint[:12]}): their runs must not "
                    "share a results folder; nothing was copied"
                )


def _intact(folder: Path) -> Iterator[Record]:
    """The record of a run; nothing if it is damaged."""
    try:
        yield read_run(folder)
    except ValueError:
        return


def _merge_run(folder: Path, store: Store) -> Merged:
    with storage_errors(folder):
        try:
            record = read_run(folder)
            files = {name: (folder / name).read_bytes() for name in record["files"]}
        except ValueError as damage:
            return Merged(folder=folder, fate="damaged", reason=str(damage))
    with store.lock(record["run_id"], wait=True):
        there = store.load(record["run_id"])
        if there is not None and (record["status"] == "failed" or there == record):
            return Merged(folder=folder, fate="there")
        if there is not None and there["status"] == "done":
            return Merged(folder=folder, fate="kept")
        if there is not None:
            store.remove(record["run_id"])
        store.save(record, files)
    return Merged(folder=folder, fate="copied" if there is None else "replaced")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: merged; 2: bad input, and nothing was copied.
    """
    options = _parser().parse_args(argv)
    try:
        merged = merge(options.sources, options.into)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return BAD_INPUT
    for each in merged:
        if each.fate in ("kept", "damaged"):
            because = f" ({each.reason})" if each.reason else ""
            sys.stdout.write(f"{each.folder}: {_SAYS[each.fate]}{because}\n")
    counts = Counter(each.fate for each in merged)
    for fate, says in _SAYS.items():
        sys.stdout.write(f"{counts[fate]:6} {says}\n")
    sys.stdout.write(f"{options.into}: the next bench.compare writes its summary anew\n")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.records")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "merge",
        help="copy the runs of other results folders that one lacks",
        description="Copy finished and failed runs, those of searches too, that RESULTS lacks. "
        "Every record is checked against its digest; the sources are only read.",
    )
    command.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="results folders")
    command.add_argument("--into", required=True, type=Path, metavar="RESULTS", help="the target")
    return parser
