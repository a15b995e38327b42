"""One's own data from the command line, and other data under a known name."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from narrowed import done, on_test
from sklearn.metrics import accuracy_score, log_loss

from bench.compare import main
from bench.data.dataset import Dataset
from bench.data.table import DATASETS, find, load, load_digits
from bench.records.schema import FinishedRun
from bench.records.store import Store
from bench.runs.run import failure
from runs.oracles import arrays_of
from runs.own_files import SIZES, classes_folder, classes_npz, values_npz
from runs.stored_files import names_in
from runs.tiny_runs import TINY, Cli, config, folder_bytes, start, without_circumstances

CLASSES = ("--task", "classification")


def the_record(results: Path, dataset: str) -> FinishedRun:
    (record,) = [r for r in Store(results).finished() if r.config.dataset == dataset]
    return record


def assert_own(results: Path, spec: str) -> None:
    """The run of a dataset of two classes is of these data, and its metrics are of its outputs."""
    row = find(spec, task="classification")
    record, dataset = the_record(results, row.name), load(row)
    facts = record.dataset
    assert (facts.task, facts.n_classes, facts.sizes) == ("classification", 2, SIZES)
    assert facts.fingerprint == dataset.fingerprint
    arrays = arrays_of(folder_bytes(Store(results).folder(record.run_id)))
    assert np.array_equal(arrays["test/y"], dataset.test.y_B)
    log_p_BC = arrays["test/members"][:, 0].astype(np.float64)
    p_B = 1 / (1 + np.exp(log_p_BC[:, 0] - log_p_BC[:, 1]))
    found = on_test(record)
    assert found["nll"] == pytest.approx(log_loss(arrays["test/y"], p_B))
    assert found["accuracy"] == accuracy_score(arrays["test/y"], p_B > 0.5)


# ---------------------------------------------------------------- one's own


@pytest.mark.parametrize("write", [classes_npz, classes_folder])
def test_own_classes(
    cli: Cli, results: Path, trained: list[str], tmp_path: Path, write: Callable[[Path], str]
) -> None:
    spec = write(tmp_path / ("cells.npz" if write is classes_npz else "cells"))
    code, out, err = cli("--datasets", spec, *CLASSES)
    assert code == 0, err
    name = find(spec, task="classification").name
    assert f"## {name} (1 configurations, 1 runs)" in out
    assert trained == [the_record(results, name).run_id]
    assert_own(results, spec)
    # Found again by content: elsewhere, nothing is trained.
    (tmp_path / "moved").mkdir()
    moved = Path(spec).rename(tmp_path / "moved" / Path(spec).name)
    trained.clear()
    again = cli("--datasets", str(moved), *CLASSES)
    assert (again[0], again[1], trained) == (0, out, [])


def test_a_task_must_be_declared(cli: Cli, trained: list[str], tmp_path: Path) -> None:
    spec = classes_npz(tmp_path / "cells.npz")
    code, out, err = cli("--datasets", f"digits,{spec}")
    assert (code, out, trained) == (2, "", [])
    assert err == (
        f"error: own data {spec}: its task must be declared: classification or regression\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(["--datasets", spec, "--task", "ranking"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("absent.npz", "own data absent.npz: "),
        ("./absent", "own data ./absent: "),
        ("absent", "unknown dataset 'absent'; choices: digits, path, derma"),
    ],
)
def test_own_data_that_is_not_there(
    cli: Cli, trained: list[str], spec: str, message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("--datasets", spec, *CLASSES)
    assert (code, out, trained) == (2, "", [])
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_images_that_can_not_be_corrupted_are_refused_before_any_run(
    cli: Cli, trained: list[str], tmp_path: Path
) -> None:
    with np.load(classes_npz(tmp_path / "cells.npz")) as archive:
        small = {k: v[:, :4, :4] if k.endswith("images") else v for k, v in archive.items()}
    np.savez(tmp_path / "small.npz", **small)
    code, out, err = cli("--datasets", str(tmp_path / "small.npz"), *CLASSES)
    assert (code, out, trained) == (2, "", [])
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: dataset small-")
    assert "(40, 4, 4, 1)" in line
    assert "H and W >= 8" in line
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("write", "task", "heading"),
    [(classes_npz, "classification", "Accuracy"), (values_npz, "regression", "MSE")],
)
def test_two_datasets_at_once(
    cli: Cli, results: Path, tmp_path: Path, write: Callable[[Path], str], task: Any, heading: str
) -> None:
    spec = write(tmp_path / "own.npz")
    name = find(spec, task=task).name
    code, out, err = cli("--datasets", f"digits,{spec}", "--task", task)
    assert code == 0, err
    tables = dict(part.split(" ", 1) for part in out.split("## ")[1:])
    assert set(tables) == {"digits", name}
    assert f" {heading} " in tables[name]
    assert " Accuracy " in tables["digits"]
    assert (" Accuracy " in tables[name]) == (task == "classification")
    facts = {n: the_record(results, n).dataset for n in tables}
    assert {n: each.task for n, each in facts.items()} == {"digits": "classification",
                                                              name: task}  # fmt: skip
    summary = pd.read_csv(results / "summary.csv")
    assert set(summary["dataset"]) == set(tables)
    # Each is compared by the metrics of its own task.
    for metric, other in (("accuracy", "regression"), ("mse", "classification")):
        measured = {n for n, each in facts.items() if each.task != other}
        values = summary.reindex(columns=["dataset", metric]).dropna()
        assert set(values["dataset"]) == measured


@pytest.mark.slow
def test_worker_processes_know_own_data(cli: Cli, results: Path, tmp_path: Path) -> None:
    specs = [classes_npz(tmp_path / "cells.npz"), classes_folder(tmp_path / "cells")]
    arguments = ["--datasets", ",".join(["digits", *specs]), *CLASSES]
    folder = tmp_path / "by-workers"
    common = [*TINY, *arguments, "--methods", "standard", "--results", str(folder)]
    process = start(*common, "--workers", "1")
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert cli(*arguments)[0] == 0
    here, there = Store(results), Store(folder)
    for record in here.records():
        other = there.load(record.run_id)
        assert other is not None
        assert without_circumstances(other) == without_circumstances(record)
        assert folder_bytes(there.folder(record.run_id)) == folder_bytes(here.folder(record.run_id))
    assert names_in(folder / "runs") == names_in(results / "runs")
    assert len(names_in(folder / "runs")) == 3
    for spec in specs:
        assert_own(folder, spec)


# ---------------------------------------------------------------- other data of the same name


def fewer_digits(row: Any, _data: Path | None, _cache: Path | None) -> Dataset:
    """A part of the training split, as the subset of TinyImageNet is one."""
    digits = load_digits(row, None, None)
    return dataclasses.replace(digits, train=digits.train.rows(np.arange(500)))


def snapshot(results: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in (results / "runs").rglob("*") if p.is_file()}


# What is recorded already, and what is not.
@pytest.mark.parametrize("more", [[], ["--methods", "ensemble"]])
def test_other_data_of_the_same_name_do_not_share_a_results_folder(
    cli: Cli, results: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    # Else seed 0 would be of the whole and seed 1 of a part, and the table have their mean.
    assert cli()[0] == 0
    (run_id,) = trained
    old = done(Store(results).load(run_id))
    Store(results).save(failure(config(seed=7), ZeroDivisionError("no luck")), {})
    before = snapshot(results)
    row = dataclasses.replace(DATASETS["digits"], loader=fewer_digits)
    monkeypatch.setitem(DATASETS, "digits", row)
    trained.clear()
    for again in (more, [*more, "--retry-failed", "--seeds", "7,0"]):
        code, out, err = cli(*again)
        assert (code, out, trained) == (2, "", [])
        (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
        assert "has runs on other data of the name 'digits'" in line
        assert run_id in line
        assert old.dataset.fingerprint[:12] in line
        assert load(row).fingerprint[:12] in line
        assert "pass another --results FOLDER" in line
    assert snapshot(results) == before
    assert not (results / "set-aside").exists()
    # In a folder of its own it runs, and the old one goes on with the old data.
    assert cli("--results", str(results.parent / "part"), *more)[0] == 0
    monkeypatch.undo()
    code, _, err = cli("--seeds", "0")
    assert (code, "1 runs, 1 of them already in" in err) == (0, True)


def test_a_part_of_one_dataset_does_not_disturb_another(
    cli: Cli, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli()[0] == 0
    row = dataclasses.replace(DATASETS["digits"], loader=fewer_digits)
    monkeypatch.setitem(DATASETS, "digits", row)
    code, _, err = cli("--datasets", classes_npz(tmp_path / "cells.npz"), *CLASSES)
    assert code == 0, err


def test_own_data_may_be_called_like_a_dataset(
    cli: Cli, results: Path, tmp_path: Path, trained: list[str]
) -> None:
    # Its name is "digits-<digest>", and so its runs' ids begin as those of digits.
    spec = classes_npz(tmp_path / "digits.npz")
    assert cli("--datasets", spec, *CLASSES)[0] == 0
    for datasets in ("digits", spec, f"digits,{spec}"):
        code, _, err = cli("--datasets", datasets, *CLASSES)
        assert code == 0, err
    assert len(trained) == 2
    assert_own(results, spec)


def test_a_file_for_another_task_is_another_dataset(
    cli: Cli, tmp_path: Path, trained: list[str]
) -> None:
    spec = classes_npz(tmp_path / "cells.npz")
    assert cli("--datasets", spec, *CLASSES)[0] == 0
    name = find(spec, task="classification").name
    assert [run_id.startswith(f"{name}-standard-") for run_id in trained] == [True]
    code, _, err = cli("--datasets", spec, "--task", "regression")
    assert code == 0, err
    other = find(spec, task="regression").name
    assert other != name
    assert trained[1].startswith(f"{other}-standard-")
