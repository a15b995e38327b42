"""What the parts of a network are, from their module paths: stem, stages, adapters, heads."""

import re

# Module paths of ``bench.cost`` below any prefix: an ensemble's members have one each.
_PATTERNS = (
    ("stem", re.compile(r"(^|\.)backbone\.stem$")),
    ("stages", re.compile(r"(^|\.)backbone\.stages\.(?P<place>\d+)$")),
    ("adapters", re.compile(r"(^|\.)(heads\.\w+\.adapter|adapters\.\w+)$")),
    ("heads", re.compile(r"(^|\.)(heads\.\w+\.)?linear$")),
    ("other", re.compile(r"^other$")),
)
PARTS = tuple(part for part, _ in _PATTERNS)


def part_of(path: str) -> str:
    """The part of ``PARTS`` that a module path belongs to."""
    for part, pattern in _PATTERNS:
        if pattern.search(path):
            return part
    raise ValueError(f"module path {path!r} is none of {', '.join(PARTS)}, see bench/cost.py")


def stage_of(path: str) -> int | None:
    """The index of the stage at a module path, from 0; None if it is no stage."""
    found = dict(_PATTERNS)["stages"].search(path)
    return int(found["place"]) if found else None
