"""The vendored bundle is the one that its note describes."""

import hashlib
import re

from bench.report.page import PLOTLY

NOTE = (PLOTLY.parent / "README.md").read_text()


def noted(name: str) -> str:
    found = re.search(rf"^\| {name} \| (?:`)?([^`|]+?)(?:`)? \|$", NOTE, re.MULTILINE)
    assert found, name
    return found[1]


def test_the_file_is_the_published_one() -> None:
    assert hashlib.sha256(PLOTLY.read_bytes()).hexdigest() == noted("SHA-256")


def test_version_and_license_are_in_its_head() -> None:
    head = PLOTLY.read_text()[:300]
    assert f"plotly.js (cartesian - minified) v{noted('version')}" in head
    assert "Licensed under the MIT license" in head
    assert noted("license").startswith("MIT")


def test_it_survives_being_inlined() -> None:
    """A carriage return would be read as a line feed, and the policy's hash would not match."""
    source = PLOTLY.read_bytes()
    assert b"\r" not in source
    assert b"<!--" not in source
    assert b"<script" not in source
