"""Records as flat tables, by hand and from real runs."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_records import finished, made
from narrowed import number

from bench.metrics.table import keys_for
from bench.records.frames import DEPTH_KEYS, KEYS, SETTINGS, frames_of, load_frames
from bench.records.schema import FinishedRun
from bench.records.store import Store
from bench.runs.run import failure
from bench.tables.summary import write_summary
from runs.tiny_runs import FEW_CORRUPTIONS, Run, config


def regression_record(**metrics: Any) -> FinishedRun:
    """A hand-made record of a regression: numbers that are easy to average."""

    def values(mse: float | None) -> dict[str, Any]:
        return {"mse": mse, "nll": 1.0}

    return finished({
        "config_id": "x",
        "category": "Standard NN", "label": "W=1",
        "config": {
            "dataset": "retina", "seed": 3,
            "method": {"name": "standard", "settings": {}},
            "backbone": {"name": "fc", "settings": {"width": 1, "depth": 2}},
            "training": {"epochs": 1},
        },
        "dataset": {"task": "regression"},
        "history": [{"epoch": 0, "progress": 1.0}],
        "metrics": {
            "val": values(0.5), "test": values(0.25),
            "corruptions": {
                "noise": {"1": values(1.0), "2": values(2.0)}, "blur": {"1": values(6.0)},
            },
        } | metrics,
        "cost": {"flops": 10, "params": 20, "flops_by_part": {"backbone.stem": 7, "other": 3}},
        "timings": {"train_s": 2.0, "evaluate_s": 1.0, "train_cpu_s": 1.5, "evaluate_cpu_s": 0.5},
    })  # fmt: skip


def test_the_shifted_row_is_the_mean_of_the_corruption_rows_by_hand() -> None:
    runs = frames_of([regression_record()]).runs
    assert list(runs["split"]) == ["val", "test", "ood", *["corruption"] * 3]
    assert list(runs["mse"]) == [0.5, 0.25, 3.0, 1.0, 2.0, 6.0]  # (1 + 2 + 6) / 3
    shifted = runs[runs["split"] == "corruption"]
    assert list(shifted["corruption"]) == ["noise", "noise", "blur"]
    assert list(shifted["severity"]) == [1, 2, 1]
    others = runs[runs["split"] != "corruption"]
    assert others[["corruption", "severity"]].isna().all(axis=None)


def test_a_corruption_without_a_value_does_not_flatter_the_mean() -> None:
    corruptions = {"noise": {"1": {"mse": 1.0, "nll": None}, "2": {"mse": 3.0, "nll": 1.0}}}
    runs = frames_of([regression_record(corruptions=corruptions)]).runs
    ood = runs[runs["split"] == "ood"].iloc[0]
    assert ood["mse"] == 2.0
    assert math.isnan(ood["nll"])


def test_parts_and_timings_are_those_of_the_record() -> None:
    frames = frames_of([regression_record()])
    assert frames.parts[["backbone", "part", "flops"]].to_numpy().tolist() == [
        ["fc", "backbone.stem", 7], ["fc", "other", 3],
    ]  # fmt: skip
    assert list(frames.parts["run_id"]) == ["retina-standard-x-s3"] * 2
    (row,) = frames.timings.to_dict("records")
    assert (row["seed"], row["train_s"], row["evaluate_cpu_s"]) == (3, 2.0, 0.5)


def test_frames_of_a_folder_know_it(tmp_path: Path) -> None:
    assert load_frames(tmp_path).root == tmp_path
    assert frames_of([]).root is None


def test_without_corruptions_there_is_no_shifted_row() -> None:
    runs = frames_of([regression_record(corruptions={})]).runs
    assert list(runs["split"]) == ["val", "test"]


def test_a_record_of_a_search_has_validation_alone() -> None:
    record = regression_record(test=None)
    assert list(frames_of([record]).runs["split"]) == ["val"]


def test_a_null_of_a_record_is_not_a_number() -> None:
    runs = frames_of([regression_record(val={"mse": None, "nll": 1.0})]).runs
    assert math.isnan(runs["mse"].iloc[0])
    assert runs["mse"].dtype == np.float64


def test_every_run_has_one_row_a_split_with_its_facts(run: Run) -> None:
    chosen = {"n_inputs": 2, "n_exits": 2}
    records = [run("standard")[0], run("sae", **chosen)[0], run("standard", seed=1)[0]]
    runs = frames_of(records).runs
    assert list(runs.columns[: len(KEYS) + len(SETTINGS)]) == [*KEYS, *SETTINGS]
    n_shifted = 5 * len(FEW_CORRUPTIONS)
    for _, rows in runs.groupby("run_id"):
        assert list(rows["split"]) == ["val", "test", "ood", *["corruption"] * n_shifted]
    assert runs["run_id"].nunique() == 3
    for record in records:
        rows = runs[runs["run_id"] == record.run_id]
        for split in ("val", "test"):
            row = rows[rows["split"] == split].iloc[0]
            assert {key: row[key] for key in getattr(record.metrics, split)} == getattr(
                record.metrics, split
            )
            assert (row["flops"], row["seed"]) == (
                record.cost.flops,
                record.config.seed,
            )
        shifted = [v for s in record.metrics.corruptions.values() for v in s.values()]
        ood = rows[rows["split"] == "ood"].iloc[0]
        for key in ("accuracy", "nll", "ece_ts"):
            expected = sum(number(values[key]) for values in shifted) / len(shifted)
            assert ood[key] == pytest.approx(expected, abs=1e-12)
    sae = runs[runs["method"] == "sae"].iloc[0]
    assert tuple(sae[list(SETTINGS)[:4]]) == (8, 2, 2, 2)
    assert math.isnan(sae["n_members"])
    assert sae["category"] == "MIMMO"


def test_a_setting_never_hides_what_is_measured() -> None:
    settings = {"flops": 1, "seed": 9, "split": "mine", "nll": 0.0, "label": "mine"}
    record = made({"config": {"method": {"settings": settings}}, "metrics": {"val": {"nll": 2.0}}})
    row = frames_of([record]).runs.iloc[0]
    expected = {"flops": 100, "seed": 0, "split": "val", "nll": 2.0, "label": ""}
    assert row[list(expected)].to_dict() == expected


def test_columns_of_numbers_are_numeric(run: Run) -> None:
    runs = frames_of([run("standard")[0], run("sae")[0]]).runs
    numbers = ["severity", "flops", "params", "seed", *SETTINGS, *keys_for("classification")]
    for column in numbers:
        assert pd.api.types.is_numeric_dtype(runs[column]), column


def test_the_depth_distribution_sums_to_one_at_every_epoch_and_input(run: Run) -> None:
    options: dict[str, Any] = {"n_inputs": 2, "depth": 3, "training": {"epochs": 2}}
    record, _ = run("sae", depth_learning_rate=100.0, **options)
    depth = frames_of([record, run("standard")[0]]).depth
    assert list(depth.columns) == list(DEPTH_KEYS)
    assert set(depth["run_id"]) == {record.run_id}
    assert len(depth) == 2 * 2 * 3
    assert set(depth["exit"]) == {1, 2, 3}
    assert set(depth["input"]) == {0, 1}
    assert set(depth["progress"]) == {0.5, 1.0}
    assert depth.groupby(["epoch", "input"])["theta"].sum().tolist() == pytest.approx([1] * 4)
    # Each number is where it belongs.
    for row in depth.to_dict("records"):
        assert row["theta"] == record.history[row["epoch"]].theta_ND[row["input"]][row["exit"] - 1]
    assert depth["theta"].nunique() > 6


def test_failures_are_listed_apart(run: Run) -> None:
    failed = failure(config("sae", seed=4), ZeroDivisionError("no luck"))
    frames = frames_of([run("standard")[0], failed])
    assert frames.failures.to_dict("records") == [
        {
            "run_id": config("sae", seed=4).run_id, "config_id": config("sae").config_id,
            "dataset": "digits", "category": "MIMMO", "label": "N=2 K=2 W=8 D=2", "seed": 4,
            "error": "ZeroDivisionError: no luck",
        }
    ]  # fmt: skip
    assert set(frames.runs["method"]) == {"standard"}


def test_no_records_make_empty_frames_with_their_columns(tmp_path: Path) -> None:
    frames = load_frames(tmp_path / "results")
    assert list(frames.runs.columns) == [*KEYS, *SETTINGS]
    assert list(frames.depth.columns) == list(DEPTH_KEYS)
    assert len(frames.runs) == len(frames.depth) == len(frames.failures) == 0


def test_records_on_disk_make_the_same_frames(run: Run, store: Store) -> None:
    record, files = run("standard")
    store.save(record, files)
    pd.testing.assert_frame_equal(load_frames(store.root).runs, frames_of([record]).runs)


def test_the_summary_file_reads_back(run: Run, tmp_path: Path) -> None:
    runs = frames_of([run("standard")[0], run("sae")[0]]).runs
    write_summary(tmp_path, runs, "text\n")
    assert (tmp_path / "summary.md").read_text() == "text\n"
    again = pd.read_csv(io.StringIO((tmp_path / "summary.csv").read_text()))
    pd.testing.assert_frame_equal(again, runs, check_dtype=False)


def test_runs_of_several_versions_of_the_code_are_noted() -> None:
    def run(seed: int, code: str | None, method: str = "sae") -> FinishedRun:
        config = {"seed": seed, "method": {"name": method, "settings": {}}}
        return finished({"config": config, "code": code})

    same = [run(seed, "a" * 64) for seed in range(2)]
    assert frames_of([*same, run(0, "b" * 64, "standard")]).notes == ()
    (note,) = frames_of([*same, run(2, "b" * 64), run(3, None)]).notes
    assert note.startswith(
        "sae on fc: its runs were made by 3 versions of the code (2 by aaaaaaaa, 1 by bbbbbbbb, "
        "1 by code that was not recorded); "
    )
