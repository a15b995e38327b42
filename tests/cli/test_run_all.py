"""run_all.sh: which commands it runs, with a Python that only prints what it is called with."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def commands(folder: Path, *arguments: str) -> list[str]:
    shutil.copy(ROOT / "run_all.sh", folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    (folder / ".venv" / "installed").write_text("\n")  # as if set up from those two
    done = subprocess.run(
        ["bash", folder / "run_all.sh", *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_it_compares_draws_and_reports(tmp_path: Path) -> None:
    assert commands(tmp_path, "--preset", "smoke", "--results", "r") == [
        "-m bench.compare --preset smoke --results r",
        "-m bench.figures --results r",
        "-m bench.report --results r",
    ]


@pytest.mark.parametrize("option", ["--plan", "--list-datasets", "--help"])
def test_what_runs_nothing_draws_nothing(tmp_path: Path, option: str) -> None:
    assert commands(tmp_path, option) == [f"-m bench.compare {option}"]
