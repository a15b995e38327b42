"""Files that appear whole: what a killed writer leaves, and the name in an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.console.command import answer
from bench.storage.atomic import folder_to_write, write_whole


def test_what_killed_writers_have_left_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    (tmp_path / f".pareto.png.0123.{process.pid}.partial").touch()
    (tmp_path / f".shipped.new.{process.pid}.partial" / "deep").mkdir(parents=True)
    kept = {f".pareto.png.0123.{os.getpid()}.partial", ".own.partial", "pareto.png"}
    for name in kept:
        (tmp_path / name).touch()
    assert {path.name for path in folder_to_write(tmp_path).iterdir()} == kept


def test_an_error_names_the_file_that_was_to_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "pareto.png"
    assert answer(lambda: write_whole(path, b"")) == 2
    assert (
        capsys.readouterr().err
        == f"error: {path}: Not a directory; a part of it is no folder: choose another\n"
    )
