"""The paper's claims with their verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from bench.claims.evidence import Evidence
from bench.claims.paper import CLAIMS
from bench.claims.verdict import Finding, Part
from bench.formatting import cells
from bench.report.study import Study


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One part of a claim, as text."""

    what: str
    rule: str
    value: str
    verdict: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One claim and its verdict."""

    name: str
    datasets: tuple[str, ...]
    statement: str
    test: str
    verdict: str
    remark: str
    parts: tuple[Measured, ...]
    config_ids: tuple[str, ...]

    @property
    def css(self) -> str:
        """The verdict as a class of the page."""
        return self.verdict.replace(" ", "-")


def judged(study: Study) -> list[Judged]:
    """Every claim about a dataset of the study; those about others say no more than no data."""
    found, evidence = [], Evidence(study.frames)
    for claim in CLAIMS:
        if not set(claim.datasets) & set(study.datasets):
            continue
        finding: Finding = claim.judge(evidence)
        found.append(
            Judged(
                name=claim.name,
                datasets=claim.datasets,
                statement=claim.statement,
                test=claim.test,
                verdict=finding.verdict,
                remark=finding.remark,
                parts=tuple(map(_measured, finding.parts)),
                config_ids=finding.config_ids,
            )
        )
    return found


def _measured(part: Part) -> Measured:
    return Measured(
        what=part.what,
        rule=part.rule,
        value=cells.interval(part.estimate, part.low, part.high),
        verdict=part.verdict,
        note=part.remarks,
    )
