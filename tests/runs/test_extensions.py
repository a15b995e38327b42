"""Metrics and corruptions of files of one's own: in records, in workers; mistakes are one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.metrics import table as metrics
from bench.records.store import Store
from bench.runs import extensions
from bench.runs.code import code_digest
from bench.shift import corrupted_sets
from bench.shift import table as corruptions
from methods.core.registry import files_of
from runs.own_files import classes_npz
from runs.tiny_runs import FEW_CORRUPTIONS, ROOT, TINY, start

IMPORTS = """
from bench.metrics.scores import accuracy
from bench.metrics.table import Metric
from bench.metrics.weighted import weighted_metric
from bench.shift.table import Corruption
"""
METRIC = """
copy = Metric(
    name="copy", label="Copy", task="classification", direction="higher", kind="performance",
    compute=accuracy,
)
"""
CORRUPTION = """
inverted = Corruption(
    name="inverted", label="Inverted", kind="noise", unit="share",
    constants=(0.1, 0.2, 0.3, 0.4, 0.5),
    build=lambda ia, share, _side, seed: ia.augmenters.Invert(share, seed=seed),
)
"""


@pytest.fixture(autouse=True)
def tables_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(extensions.VARIABLE, "")
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))
    monkeypatch.setattr(corruptions, "CORRUPTIONS", dict(corruptions.CORRUPTIONS))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own_rows.py"
    path.write_text(IMPORTS + METRIC + CORRUPTION)
    # What it makes of the file's module is undone with it.
    monkeypatch.setitem(sys.modules, extensions.PREFIX + path.stem, sys)
    monkeypatch.delitem(sys.modules, extensions.PREFIX + path.stem)
    return path


def test_rows_of_a_file_are_in_the_tables_the_digest_and_the_identity_of_the_images(
    written: Path,
) -> None:
    digest, images = code_digest("standard", "fc"), corrupted_sets.code_identity()
    extensions.add_file(written)
    extensions.add_file(written)  # twice is once
    assert metrics.lookup("classification", "copy").label == "Copy"
    assert "inverted" in corruptions.CORRUPTIONS
    assert files_of(extensions.VARIABLE) == [written]
    assert code_digest("standard", "fc") != digest
    assert corrupted_sets.code_identity() != images


def test_workers_record_the_metric_and_corrupt_the_images(written: Path, results: Path) -> None:
    own = classes_npz(results.parent / "cells.npz")  # its few images are soon corrupted
    process = start(
        *TINY, "--methods", "standard", "--extend", str(written), "--results", str(results),
        "--datasets", own, "--task", "classification", "--workers", "1",
        script=None, SAE_BENCH_EXTENSIONS="",
    )  # fmt: skip
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    (record,) = Store(results).finished()
    test = record.metrics.test
    assert test is not None
    assert test["copy"] == test["accuracy"]
    assert set(record.metrics.corruptions["inverted"]) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "cannot be imported: SyntaxError"),
        ("x = 1", "has no Metric and no Corruption"),
        (METRIC.replace('"copy"', '"nll"'), "classification has one of that name"),
        (METRIC.replace('"copy"', '"seed"'), "be no column of summary.csv"),
        (METRIC.replace('"copy"', '"x_ts"'), "not end with _ts"),
        (METRIC.replace('"higher"', '"up"'), "direction='up'; choices: higher, lower"),
        (METRIC.replace("=accuracy", "=len"), "must be a function under @weighted_metric"),
        (METRIC.replace("=accuracy", "=accuracy, bounds=(0, 2)"), "bounds=(low, high)"),
        (METRIC.replace('"classification"', '"both"'), "task='both'; choices: classification"),
        (CORRUPTION.replace('"inverted"', f'"{FEW_CORRUPTIONS[0]}"'), "not be that of another"),
        (CORRUPTION.replace("0.1, ", ""), "needs 5 constants"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_and_registers_nothing(
    text: str, message: str, written: Path
) -> None:
    before = dict(metrics.METRICS), dict(corruptions.CORRUPTIONS)
    imports = "" if text.startswith("x") else IMPORTS
    written.write_text(imports + text)
    with pytest.raises(UserError) as refused:
        extensions.add_file(written)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert before == (metrics.METRICS, corruptions.CORRUPTIONS)
    assert files_of(extensions.VARIABLE) == []


def test_a_mistake_in_a_file_of_the_environment_ends_a_command_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.compare", "-h"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "", extensions.VARIABLE: "/nowhere/x.py"},
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "extension /nowhere/x.py: must be a Python file" in done.stderr
