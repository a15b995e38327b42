"""Judged claims as Markdown, CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from bench.claims.claim import Judged
from bench.claims.verdict import Part
from bench.formatting.rendering import grid
from bench.formatting.safe_csv import to_csv

LEGEND = (
    "A verdict is about these records, not about the paper's: read the scale of the study with it. "
    "For each seed points are chosen on validation of all other seeds and judged on test of this "
    "one. Supported: the whole 95% interval over seeds and images is within the bound; not "
    "supported: none of it is; undecided: the bound lies inside, and the difference that could "
    "have been detected is said. Costs are exact. Of a claim of several parts all have to hold, "
    "unless its test says otherwise. docs/claims.md has the details."
)
# More runs than this are in the CSV and the JSON alone.
_FEW_RUNS = 24
# More parts than this are below the overview alone.
_FEW_PARTS = 3


def overview(judged: Sequence[Judged]) -> str:
    """One row a claim, as Markdown."""
    table = pd.DataFrame(
        [
            {
                "Claim": one.claim.name,
                "Verdict": one.finding.verdict,
                "What the paper says": one.claim.statement,
                "What decides": _evidence(one),
            }
            for one in judged
        ]
    )
    return grid(table)


def markdown(judged: Sequence[Judged], notes: Sequence[str] = ()) -> str:
    """The overview with its notes, and a section for each claim."""
    sections = ["# The paper's claims on these records", overview(judged), LEGEND, *notes]
    for one in judged:
        sections += [
            f"## {one.claim.name}: {one.finding.verdict}",
            f"Statement: {one.claim.statement}",
            f"Test: {one.claim.test}",
        ]
        if one.finding.remark:
            sections.append(f"Compared: {one.finding.remark}.")
        if one.finding.parts:
            rows = [_part_row(part) for part in one.finding.parts]
            sections.append(grid(pd.DataFrame(rows)))
        sections += [f"Scale: {line}." for line in one.scale]
        if one.run_ids:
            sections.append(f"Runs: {_runs(one.run_ids)}.")
    return "\n\n".join(sections) + "\n"


def csv(judged: Sequence[Judged]) -> str:
    """One row a part, numbers unrounded; a claim without parts has one row."""
    rows = []
    for one in judged:
        claim = {
            "claim": one.claim.name,
            "datasets": " ".join(one.claim.datasets),
            "claim_verdict": one.finding.verdict,
            "statement": one.claim.statement,
            "compared": one.finding.remark,
        }
        ends = {"scale": " | ".join(one.scale), "run_ids": " ".join(one.run_ids)}
        parts: list[dict[str, Any]] = [asdict(part) for part in one.finding.parts] or [{}]
        rows += [claim | part | ends for part in parts]
    columns = [*claim, *Part.__dataclass_fields__, *ends]
    return to_csv(pd.DataFrame(rows, columns=columns))


def to_json(judged: Sequence[Judged]) -> str:
    """Everything, for a program; a missing number is null."""
    found = [
        {
            "name": one.claim.name,
            "datasets": list(one.claim.datasets),
            "statement": one.claim.statement,
            "test": one.claim.test,
            "verdict": one.finding.verdict,
            "compared": one.finding.remark,
            "scale": list(one.scale),
            "parts": [_finite(asdict(part)) for part in one.finding.parts],
            "config_ids": list(one.finding.config_ids),
            "run_ids": list(one.run_ids),
        }
        for one in judged
    ]
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def measured(part: Part) -> str:
    """``-0.012 [-0.031, 0.004]``; exact numbers have no interval."""
    if math.isnan(part.estimate):
        return "no data"
    text = f"{part.estimate:z.3g}{part.unit}"
    if math.isnan(part.low):
        return text
    return f"{text} [{part.low:z.3g}, {part.high:z.3g}]"


def _evidence(one: Judged) -> str:
    """The parts that decide: those of the claim's own verdict, a few of them."""
    deciding = [part for part in one.finding.parts if part.verdict == one.finding.verdict]
    texts = [
        ", ".join(filter(None, [f"{part.what}: {measured(part)}, asked {part.rule}", part.missed]))
        for part in deciding[:_FEW_PARTS]
    ]
    if len(deciding) > _FEW_PARTS:
        texts.append(f"and {len(deciding) - _FEW_PARTS} more")
    return "; ".join(texts) or one.finding.remark


def _part_row(part: Part) -> dict[str, str]:
    return {
        "Part": part.what,
        "Measured": measured(part),
        "Asked": part.rule,
        "Verdict": part.verdict,
        "Note": part.remarks,
    }


def _runs(run_ids: Sequence[str]) -> str:
    if len(run_ids) > _FEW_RUNS:
        return f"{len(run_ids)}, listed in claims.csv and claims.json"
    return ", ".join(run_ids)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
