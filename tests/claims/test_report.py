"""Judged claims as text and files: exact where it is short."""

import io
import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from bench.claims import report
from bench.claims.claim import Claim, Judged
from bench.claims.verdict import Finding, Part, no_data

PARTS = (
    Part(what="FLOPs", rule=">= 3.2x", verdict="supported", estimate=3.456, unit="x"),
    Part(
        what="accuracy", rule=">= -0.03", verdict="undecided", estimate=-0.0123,
        low=-0.0456, high=-0.00004, detectable=0.0347, note="4 seeds",
    ),
    Part(what="ECE", rule="<= 0", verdict="no data"),
)  # fmt: skip


def judged(name: str, finding: Finding, n_runs: int = 2) -> Judged:
    return Judged(
        claim=Claim(
            name=name, datasets=("blood", "retina"), statement="A | B.", test="How.",
            judge=lambda _: finding,
        ),
        finding=finding,
        run_ids=tuple(f"run-{i}" for i in range(n_runs)),
        scale=("blood: 3 epochs",),
    )  # fmt: skip


FINDING = Finding(verdict="undecided", parts=PARTS, remark="a against b", config_ids=("a", "b"))
BOTH = [judged("one", FINDING), judged("two", no_data("no runs on retina"), n_runs=0)]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (PARTS[0], "3.46x"),
        (PARTS[1], "-0.0123 [-0.0456, -4e-05]"),
        (PARTS[2], "no data"),
        (replace(PARTS[1], estimate=-0.0, low=-0.0, high=0.1), "0 [0, 0.1]"),
    ],
)  # fmt: skip
def test_what_was_measured(part: Part, text: str) -> None:
    assert report.measured(part) == text


def test_the_overview_shows_what_decides() -> None:
    lines = report.overview(BOTH).splitlines()
    assert len(lines) == 4
    cells = [cell.strip() for cell in lines[2].split(" | ")]
    assert cells[0] == "| one"
    assert cells[1] == "undecided"
    assert cells[-1] == (
        "accuracy: -0.0123 [-0.0456, -4e-05], asked >= -0.03, could have detected a difference of "
        "0.035 |"
    )
    assert lines[3].split(" | ")[-1].rstrip(" |") == "no runs on retina"


def test_a_bar_in_a_text_does_not_end_its_cell() -> None:
    assert r"A \| B." in report.overview(BOTH)


def test_more_deciding_parts_than_fit_are_counted() -> None:
    many = Finding(verdict="supported", parts=(PARTS[0],) * 5)
    assert "; and 2 more" in report.overview([judged("many", many)])


def test_the_page_has_a_section_a_claim() -> None:
    text = report.markdown(BOTH)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# The paper's claims on these records", "## one: undecided", "## two: no data",
    ]  # fmt: skip
    for line in ("Statement: A | B.", "Test: How.", "Compared: a against b.",
                 "Scale: blood: 3 epochs.", "Runs: run-0, run-1."):  # fmt: skip
        assert line in text.splitlines()
    assert "could have detected a difference of 0.035; 4 seeds" in text


def test_a_long_list_of_runs_is_in_the_other_files() -> None:
    assert "Runs: 25, listed in claims.csv and claims.json." in report.markdown(
        [judged("many", FINDING, n_runs=25)]
    )


def test_the_csv_has_a_row_a_part() -> None:
    table = pd.read_csv(io.StringIO(report.csv(BOTH)))
    assert list(table["claim"]) == ["one", "one", "one", "two"]
    assert list(table["claim_verdict"]) == ["undecided"] * 3 + ["no data"]
    assert table["estimate"].tolist()[:2] == [3.456, -0.0123]
    assert math.isnan(table["low"][0])
    assert table["run_ids"][0] == "run-0 run-1"


def test_the_json_is_whole_and_strict() -> None:
    one, two = json.loads(report.to_json(BOTH), parse_constant=pytest.fail)
    assert one["run_ids"] == ["run-0", "run-1"]
    assert one["config_ids"] == ["a", "b"]
    assert one["parts"][1]["low"] == -0.0456
    assert one["parts"][0]["low"] is None
    assert (two["verdict"], two["parts"], two["compared"]) == ("no data", [], "no runs on retina")
