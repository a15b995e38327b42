"""The README shows what the committed reference study says; its commands: test_docs.py."""

from __future__ import annotations

import re
from pathlib import Path

import bench

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_numbers_of_the_answer_are_those_of_the_committed_table() -> None:
    reference = (ROOT / "results" / "reference" / "summary.md").read_text().splitlines()
    head, _, *rows = [cells(line) for line in reference if line.startswith("|")]
    answer = README.partition("## ")[0]
    by_method = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    for method in ("MIMO", "NN Ensemble", "Standard NN"):
        assert by_method[method]["NLL"] in answer
    for method in ("MIMO", "NN Ensemble"):
        assert re.findall(r"\((.*?)\)", by_method[method]["FLOPs"])[0] in answer


def test_it_is_read_in_five_minutes() -> None:
    assert len(README.split()) <= 900


def test_the_pictures_and_pages_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert len(local) >= 5
    for target in local:
        assert (ROOT / target).is_file(), target


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {bench.__version__}\n" in (ROOT / "CITATION.cff").read_text()
