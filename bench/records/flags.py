"""What a record says of its data beside the numbers, in sentences for logs, tables and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.records.schema import FinishedRun

_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def duplicate_lines(duplicates: Mapping[str, int]) -> list[str]:
    """Sentences on images that occur in two splits; none where there are none."""
    lines = []
    for pair, count in duplicates.items():
        first, _, rest = pair.partition("_")
        if rest not in _SPLITS or not count:
            continue
        other = duplicates.get(f"{pair}_other_label", 0)
        noun = "image is" if count == 1 else "images are"
        line = f"{count} {_SPLITS[rest]} {noun} in {_SPLITS[first]} too (exact duplicates)"
        lines.append(line + (f", {other} of them with another label" if other else ""))
    return lines


def flag_notes(records: Iterable[FinishedRun]) -> list[str]:
    """Each dataset's duplicates and flags once; those that not all of its runs have, counted."""
    counts: dict[str, Counter[str]] = {}
    totals: Counter[str] = Counter()
    for record in records:
        data = record.dataset
        totals[data.name] += 1
        lines = set(duplicate_lines(data.duplicates)) | set(data.flags)
        counts.setdefault(data.name, Counter()).update(lines)
    return [
        f"{name}: {line}" + ("" if n == totals[name] else f" ({n} of {totals[name]} runs)")
        for name, lines in counts.items()
        for line, n in sorted(lines.items())
    ]
