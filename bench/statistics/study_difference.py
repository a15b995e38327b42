"""What differs between two studies, or two runs: settings, circumstances, and test metrics."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.errors import UserError
from bench.formatting import cells, rendering
from bench.metrics.table import keys_for
from bench.records.frames import Frames, frames_of
from bench.records.schema import FinishedRun, Record
from bench.records.store import Reader
from bench.statistics.influence import Split
from bench.statistics.measured import Measurements, difference

_HEADS = ("Dataset", "Method", "A", "B", "Split", "Metric", "A's mean", "B - A", "Seeds")
_SPLITS: tuple[Split, ...] = ("val", "test", "ood")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: its records and their folder."""

    name: str
    root: Path
    records: tuple[FinishedRun, ...]

    @property
    def frames(self) -> Frames:
        """Its records as flat tables."""
        return replace(frames_of(self.records), root=self.root)


def side(name: str, results: Path) -> Side:
    """A results folder, or a run of ``results``."""
    folder = Path(name)
    if (folder / "runs").is_dir():
        return _finished(name, folder, Reader(folder).records())
    if not (results / "runs").is_dir():
        raise UserError(f"{name}: is no results folder, and --results {results} is none either")
    return _finished(name, results, [Reader(results).named(name)])


def _finished(name: str, root: Path, records: Iterable[Record]) -> Side:
    found = tuple(record for record in records if isinstance(record, FinishedRun))
    if not found:
        raise UserError(f"{name}: no finished run, and so no metrics to compare")
    return Side(name=name, root=root, records=found)


def differences(a: Side, b: Side) -> Iterator[str]:
    """Settings and circumstances that differ, then metrics of what both have."""
    yield f"A: {a.name}, {len(a.records)} runs; B: {b.name}, {len(b.records)} runs"
    settings = [
        [{"dataset": one.config.dataset, **one.config.flat} for one in side.records]
        for side in (a, b)
    ]
    circumstances = [[one.circumstances for one in side.records] for side in (a, b)]
    for heading, (ours, theirs) in (("Settings", settings), ("Circumstances", circumstances)):
        lines = list(_unequal(ours, theirs))
        yield f"\n{heading}: " + ("no difference" if not lines else "")
        yield from lines
    table = _metrics(a, b)
    yield "\nMetrics, difference B - A with 95% interval over common seeds crossed with examples:"
    yield rendering.grid(table) if len(table) else "no configuration is comparable"


def _unequal(a: Sequence[Mapping[str, object]], b: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """A line per name whose values are not the same on both sides."""
    for name in dict.fromkeys(key for one in (*a, *b) for key in one):
        ours, theirs = ({str(one[name]) for one in side if name in one} for side in (a, b))
        if ours != theirs:
            yield f"  {name}: A {_listed(ours)}; B {_listed(theirs)}"


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values)) or "absent"


def _metrics(a: Side, b: Side) -> pd.DataFrame:
    frames = a.frames, b.frames
    measured = [Measurements(each) for each in frames]
    rows = []
    for ours, theirs in _pairs(a, b):
        dataset = ours.config.dataset
        for split in _SPLITS:
            for key in keys_for(ours.dataset.task):
                first = measured[0](dataset, ours.config_id, split, key)
                second = measured[1](dataset, theirs.config_id, split, key)
                if len(a.records) == len(b.records) == 1:  # two runs, whatever their seeds
                    second = replace(second, seeds=first.seeds[: len(second.seeds)])
                found = difference(second, first)
                if not found.seeds:
                    continue
                estimate, mean = found.estimate, first.at(found.seeds).estimate.value
                if math.isfinite(estimate.value):
                    change = cells.interval(estimate.value, *estimate.interval(), digits=4)
                    row = (
                        dataset, ours.category, ours.label, theirs.label, split, key,
                        cells.number(mean, 4), change, str(len(found.seeds)),
                    )  # fmt: skip
                    rows.append(row)
    return pd.DataFrame(rows, columns=list(_HEADS))


def _pairs(a: Side, b: Side) -> list[tuple[FinishedRun, FinishedRun]]:
    """The same configurations of both, on the same data; two runs are a pair in any case."""
    if len(a.records) == len(b.records) == 1:
        pairs = [(a.records[0], b.records[0])]
    else:
        known = {record.config_id: record for record in b.records}
        first = {record.config_id: record for record in a.records}
        pairs = [(record, known[key]) for key, record in first.items() if key in known]
    return [
        (ours, theirs)
        for ours, theirs in pairs
        if ours.dataset.fingerprint == theirs.dataset.fingerprint
    ]
