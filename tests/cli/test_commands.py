"""What all commands have in common: an instant help, and an answer where nothing was run."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "numpy", "pandas", "scipy", "sklearn", "matplotlib", "imgaug", "medmnist",
         "onnx", "optuna", "jinja2", "plotly", "tqdm", "distributed",
         "multiprocessing")  # fmt: skip
VIEWS = ("claims", "figures", "report", "statistics", "tables")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_help_imports_nothing_heavy() -> None:
    out = python(
        "import importlib, sys\n"
        "from bench.__main__ import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try: main([name, '-h'])\n"
        "    except SystemExit as end: assert end.code == 0, name\n"
        f"    heavy = {set(HEAVY)!r} & set(sys.modules)\n"
        "    assert not heavy, (name, heavy)\n"
    )
    for name in COMMANDS:
        assert f"bench.{name} " in out
    for text in ("digits", "pneumonia", "sae", "mc_dropout", "smoke", "--retry-failed", "fc"):
        assert text in out
    assert "best, budget, costs, effects" in out


def test_views_never_import_torch() -> None:
    python(
        "import sys, bench.statistics.study, bench.report.build, bench.claims.paper\n"
        "from bench import figures, tables\n"
        "[package.load(name) for package in (figures, tables) for name in package.names()]\n"
        "assert 'pandas' in sys.modules and 'torch' not in sys.modules"
    )


@pytest.mark.parametrize("name", VIEWS)
def test_without_runs_nothing_is_made(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    view = importlib.import_module(COMMANDS[name][0])
    (tmp_path / "empty").mkdir()
    for folder in ("absent", "empty"):
        assert view.main(["--results", folder]) == 2
        assert "no finished runs in" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
