"""`import bench`: light, with clear errors; docs/python.md, which is run, shows that it works."""

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.errors import UserError


def test_importing_it_is_light_and_compare_is_callable_before_and_after_its_module() -> None:
    code = """
import sys, bench
assert not {"torch", "pandas", "numpy"} & set(sys.modules)
assert callable(bench.compare) and bench.__version__
import bench.compare
assert callable(bench.compare) and callable(bench.compare.main)
assert callable(bench.load) and callable(bench.run)
assert not hasattr(bench, "nothing")
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_a_folder_that_is_absent_or_has_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none: there is no such folder; bench\.compare"):
        bench.load(f"{tmp_path}/none")
    with pytest.raises(UserError, match="there are no runs in it"):
        bench.load(tmp_path)


def test_bad_input_is_the_error_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown method 'sea'; choices: batch_ensemble"):
        bench.compare(["digits"], ["sea"], results=tmp_path, workers=0)
    with pytest.raises(UserError, match="unknown method 'sea'; choices: batch_ensemble"):
        bench.compare("digits", "sea", seeds=0, extend=(), results=tmp_path, workers=0)
    with pytest.raises(UserError, match=r"epochs=0: must be >= 1"):
        bench.run("standard", settings={"epochs": 0}, results=tmp_path)
    with pytest.raises(UserError, match=r"'width': '8,16'.*: one run has one value"):
        bench.run("standard", settings={"width": "8,16"}, results=tmp_path)
    with pytest.raises(UserError, match="n_exits=5: K must be <= D"):
        bench.run("sae", settings={"n_exits": 5}, results=tmp_path)
    assert list(tmp_path.iterdir()) == []
