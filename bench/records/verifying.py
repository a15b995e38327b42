"""Everything in a results folder that can be damaged, checked: `python -m bench.records verify`."""

from collections.abc import Iterator
from pathlib import Path

from bench.records import measurements
from bench.records.schema import FILES, RecordError
from bench.records.store import Reader, stages
from bench.records.text import UnknownFormatError


def damages(results: Path) -> Iterator[tuple[Path, str]]:
    """Each run or measurement that is not as it was written, with the reason.

    The bytes of all files are read, weights too.
    """
    for root in stages(results):
        reader = Reader(root, checked=FILES)
        for run_id in reader.run_ids():
            try:
                reader.read(run_id)
            except (RecordError, UnknownFormatError) as damage:
                yield reader.folder(run_id), str(damage)
        yield from measurements.damages(root)


def count(results: Path) -> int:
    """The number of runs to check, those of searches too."""
    return sum(len(Reader(root).run_ids()) for root in stages(results))
