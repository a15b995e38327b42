"""What a claim is: a statement of the paper and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.claims.verdict import Finding
from bench.records.frames import Frames


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row of ``bench.claims.paper``.

    Attributes:
        name: what it is called on the command line.
        datasets: what it is about.
        statement: what the paper says, in short.
        test: what is tested, in one or two sentences.
        judge: the records' answer.
    """

    name: str
    datasets: tuple[str, ...]
    statement: str
    test: str
    judge: Callable[[Frames], Finding]
