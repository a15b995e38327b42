"""Notes on the data of records, in sentences for logs, tables and reports."""

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.records.schema import FinishedRun

_SHOWN = 8
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


def code_notes(made: Iterable[tuple[str, str, str | None]]) -> tuple[str, ...]:
    """A sentence on each method of which some runs were made by other code than the rest.

    Args:
        made: method, backbone and digest of the code of each run.
    """
    by_method: dict[str, Counter[str]] = {}
    for method, backbone, code in made:
        version = code[:_SHOWN] if code else "code that was not recorded"
        by_method.setdefault(f"{method} on {backbone}", Counter())[version] += 1
    return tuple(
        f"{name}: its runs were made by {len(versions)} versions of the code ("
        + ", ".join(f"{n} by {version}" for version, n in versions.most_common())
        + "); compare with --rerun-changed makes all of them by today's"
        for name, versions in sorted(by_method.items())
        if len(versions) > 1
    )


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
