"""Bring the runs of other results folders into one: `python -m bench.records merge`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from bench.errors import UserError
from bench.records.schema import FILES, FinishedRun, Record, RecordError
from bench.records.store import Reader, Store, require_runs, stages, storage_errors

Fate = Literal["copied", "replaced", "there", "kept", "damaged"]
_WORDS: dict[Fate, str] = {
    "copied": "copied",
    "replaced": "copied over a recorded failure",
    "there": "there already",
    "kept": "finished in both with other results: the target's is kept",
    "damaged": "damaged, skipped",
}


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The fate of a run of a source.

    Attributes:
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

    Raises:
        UserError: a source has no runs or is the target, or two of the folders have runs on
            different data of one name.
        StorageError: the target cannot be written, or a source not be read.
    """
    for source in sources:
        _check_source(source, target)
    _require_same_data([target, *sources])
    return [
        _merge_run(_reader(source_stage), run_id, Store(target_stage))
        for source in sources
        for source_stage, target_stage in zip(stages(source), stages(target), strict=True)
        for run_id in _reader(source_stage).run_ids()
    ]


def _reader(stage: Path) -> Reader:
    return Reader(stage, checked=FILES)


def _check_source(source: Path, target: Path) -> None:
    require_runs(source)
    if source.resolve() == target.resolve():
        raise UserError(f"{source}: is --into itself; name other results folders")
    if target.resolve().is_relative_to((source / "runs").resolve()):
        raise UserError(f"--into {target}: is among the runs of {source}; name another folder")


def _require_same_data(folders: Sequence[Path]) -> None:
    """One name of a dataset means one fingerprint, as in ``bench.runs.sweep``."""
    known: dict[str, tuple[str, Path]] = {}
    readers = [Reader(stage) for results in folders for stage in stages(results)]
    for reader in readers:
        for record in reader.finished():
            folder = reader.folder(record.run_id)
            name, found = record.config.dataset, record.dataset.fingerprint
            fingerprint, first = known.setdefault(name, (found, folder))
            if found != fingerprint:
                raise UserError(
                    f"{folder} was made on other data of the name {name!r} than {first} "
                    f"(fingerprint {found[:12]}, there {fingerprint[:12]}): their runs must not "
                    "share a results folder; nothing was copied"
                )


def _merge_run(source: Reader, run_id: str, store: Store) -> Merged:
    folder = source.folder(run_id)
    with storage_errors(folder):
        try:
            record = source.read(run_id)
            files = {name: (folder / name).read_bytes() for name in record.files}
        except RecordError as damage:
            return Merged(folder=folder, fate="damaged", reason=str(damage))
    with store.lock(run_id, wait=True):
        there = store.claim(run_id)
        if there is not None and (record.status == "failed" or _same(there, record)):
            return Merged(folder=folder, fate="there")
        if isinstance(there, FinishedRun):
            return Merged(folder=folder, fate="kept", reason=_why_they_differ(record, there))
        if there is not None:
            store.remove(run_id)
        store.save(record, files)
    return Merged(folder=folder, fate="copied" if there is None else "replaced")


def _same(there: Record, record: Record) -> bool:
    """Whether two records agree in all but their digests, which formats take differently."""
    return replace(there, digest="") == replace(record, digest="")


def _why_they_differ(record: Record, there: FinishedRun) -> str:
    """What explains other results of one configuration: code, processor, versions."""
    if not isinstance(record, FinishedRun):
        return ""
    ours, theirs = record.circumstances, there.circumstances
    found = [
        f"{name} {value}, there {theirs.get(name, 'none')}"
        for name, value in ours.items()
        if value != theirs.get(name)
    ]
    return "; ".join(found) or "same code, processor and versions"


def merged_lines(merged: Sequence[Merged], target: Path) -> Iterator[str]:
    """The runs that were not copied by name, and counts of all fates."""
    for each in merged:
        if each.fate in ("kept", "damaged"):
            because = f" ({each.reason})" if each.reason else ""
            yield f"{each.folder}: {_WORDS[each.fate]}{because}"
    counts = Counter(each.fate for each in merged)
    yield from (f"{counts[fate]:6} {words}" for fate, words in _WORDS.items())
    yield f"{target}: the next bench.compare writes its summary anew"
