"""The built wheel in a fresh environment: the console script works from anywhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from runs.own_files import classes_npz

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scripts of an environment with the wheel and this one's libraries."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("bench", "methods"):  # a copy: a build leaves files beside what it builds
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(built, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0 and "setuptools" in done.stderr:
        pytest.skip("no setuptools to be had for an isolated build")
    assert done.returncode == 0, done.stderr
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    (wheel,) = folder.glob("sae_bench-*.whl")
    pip.insert(3, f"--python={python}")
    subprocess.run([*pip, "install", "--no-deps", str(wheel)], check=True, timeout=PATIENCE_S)
    # A .pth file adds a folder, and follows none of the .pth files in it: not our editable one.
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def sae_bench(environment: Path, cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        [environment / "sae-bench", *arguments],
        check=False, capture_output=True, text=True, cwd=cwd, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_console_script_compares_draws_and_reports_from_anywhere(
    environment: Path, tmp_path: Path
) -> None:
    code = (
        "import bench, methods; from importlib import metadata; from pathlib import Path\n"
        "assert metadata.version('sae-bench') == bench.__version__\n"
        "assert all(Path(p.__file__).with_name('py.typed').is_file() for p in (bench, methods))\n"
        "print(bench.__file__, methods.__file__)"
    )
    where = subprocess.run(
        [environment / "python", "-c", code],
        check=True, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S,
    ).stdout  # fmt: skip
    assert where.count(str(environment.parent)) == 2
    own = ["--datasets", classes_npz(tmp_path / "cells.npz"), "--task", "classification"]
    options = ["--preset", "smoke", "--methods", "standard", "--set", "epochs=1", "--workers", "1"]
    out = sae_bench(environment, tmp_path, "compare", *own, *options)
    assert out.splitlines()[-1].endswith("figures: sae-bench figures")
    sae_bench(environment, tmp_path, "figures", "pareto")
    sae_bench(environment, tmp_path, "report")
    assert list((tmp_path / "plots").glob("pareto*.png"))
    assert (tmp_path / "results" / "report.html").stat().st_size > 100_000
