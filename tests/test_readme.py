"""The README shows what the committed reference study says, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import bench
from bench.compare import main as compare

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_table_is_that_of_the_reference_study() -> None:
    reference = (ROOT / "results" / "reference" / "summary.md").read_text()
    table = [line for line in reference.splitlines() if line.startswith("|")]
    assert len(table) > 5
    assert "\n".join(table) in README


def test_the_pictures_and_pages_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert len(local) >= 5
    for target in local:
        assert (ROOT / target).is_file(), target


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {bench.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("python -m bench.compare")]


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_readme_is_understood(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.runs.sweep.run_missing", lambda *_, **__: [])
    monkeypatch.setattr("bench.runs.sweep.unavailable", lambda *_, **__: {})
    arguments = shlex.split(command)[3:]
    assert compare([*arguments, "--results", str(tmp_path)]) == 0
