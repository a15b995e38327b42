"""A claim, and its verdict from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench.claims.evidence import Evidence
from bench.claims.verdict import Finding
from bench.records.frames import Frames
from bench.records.schema import FinishedRun
from bench.records.store import Reader


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row of ``bench.claims.paper``.

    Attributes:
        name: what it is called on the command line.
        datasets: what it is about.
        statement: the paper's, in short.
        test: what is tested, in one or two sentences.
        judge: the records' answer.
    """

    name: str
    datasets: tuple[str, ...]
    statement: str
    test: str
    judge: Callable[[Evidence], Finding]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A claim with what the records say.

    Attributes:
        claim: the row of ``bench.claims.paper``.
        finding: its verdict and parts.
        run_ids: all runs of the configurations that were read, sorted.
        scale: the size of the study, one line per dataset.
    """

    claim: Claim
    finding: Finding
    run_ids: tuple[str, ...]
    scale: tuple[str, ...]


def judge_all(claims: Iterable[Claim], evidence: Evidence) -> Iterator[Judged]:
    """Judge each claim on the records."""
    runs = evidence.frames.runs
    ids = runs[["config_id", "run_id"]].drop_duplicates()
    for claim in claims:
        finding = claim.judge(evidence)
        read = ids.loc[ids["config_id"].isin(finding.config_ids), "run_id"]
        scale = [scale_of(evidence.frames, dataset) for dataset in claim.datasets]
        yield Judged(
            claim=claim,
            finding=finding,
            run_ids=tuple(sorted(map(str, read))),
            scale=tuple(line for line in scale if line),
        )


def scale_of(frames: Frames, dataset: str) -> str:
    """``blood: epochs 4, seeds 2, training images 11959, classes 8``; empty without runs.

    A verdict is about records: a part of TinyImageNet, or networks of two epochs, say little
    about what the paper has trained.
    """
    runs = frames.runs[frames.runs["dataset"] == dataset]
    if runs.empty:
        return ""
    epochs = "/".join(str(int(count)) for count in sorted(runs["epochs"].unique()))
    text = f"{dataset}: epochs {epochs}, seeds {runs['seed'].nunique()}"
    record = Reader(frames.root).load(str(runs["run_id"].iloc[0])) if frames.root else None
    if not isinstance(record, FinishedRun):
        return text
    facts = record.dataset
    classes = f", classes {facts.n_classes}" if facts.n_classes else ""
    return f"{text}, training images {facts.sizes['train']}{classes}"
