"""What the README points at is there; its numbers: test_findings.py, its commands: test_docs.py."""

from __future__ import annotations

import re
from pathlib import Path

import bench

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_it_is_read_in_five_minutes() -> None:
    written = re.sub(r"<!-- .*?<!-- end -->", "", README, flags=re.DOTALL)  # without its table
    assert len(written.split()) <= 900


def test_the_pictures_and_pages_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert len(local) >= 5
    for target in local:
        assert (ROOT / target).is_file(), target


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {bench.__version__}\n" in (ROOT / "CITATION.cff").read_text()
