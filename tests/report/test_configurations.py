"""Rows of configurations against the records, number by number."""

import dataclasses
import math
import shutil
import statistics
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace
from narrowed import number

from bench.records.frames import Frames
from bench.records.measurements import save
from bench.records.schema import Cost
from bench.records.store import Store
from bench.report.build import _dataset
from bench.report.configurations import (
    configurations,
    measured_keys,
    metric_keys,
    shift_metrics,
)
from bench.report.depth_histories import histories, panels
from bench.report.study import Study, read_study, study_of
from report.studies import CONFIGURATIONS, CORRUPTIONS, SEVERITIES, finished_run, run_config


def rounded(value: float) -> float:
    return float(f"{value:.4g}")


def test_every_configuration_has_one_row_cheapest_first(study: Study) -> None:
    rows = configurations(study, "pneumonia")
    assert len(rows) == len(CONFIGURATIONS)
    assert [row["flops"] for row in rows] == sorted(row["flops"] for row in rows)
    assert len({row["category"] for row in rows}) == 9


def test_values_are_means_and_deviations_over_the_seeds_of_the_records(
    study: Study, results: Path
) -> None:
    records = list(Store(results).finished())
    keys = metric_keys(study.runs("pneumonia"))
    for row in configurations(study, "pneumonia"):
        mine = [record for record in records if record.config_id == row["id"]]
        assert row["seeds"] == sorted(record.config.seed for record in mine)
        for split in ("val", "test"):
            for key, mean, spread in zip(
                keys, row["values"][split], row["spread"][split], strict=True
            ):
                values = [getattr(record.metrics, split)[key] for record in mine]
                assert mean == pytest.approx(rounded(statistics.mean(values)), abs=1e-12)
                if len(values) == 1:
                    assert spread is None
                else:
                    assert spread == pytest.approx(statistics.stdev(values), rel=1e-3)


def test_quality_under_shift_is_by_metric_corruption_and_severity(
    study: Study, results: Path
) -> None:
    row = next(row for row in configurations(study, "retina") if row["category"] == "NN Ensemble")
    mine = [r for r in Store(results).finished() if r.config_id == row["id"]]
    assert list(row["shift"]) == shift_metrics("regression") == ["mse", "nll", "coverage_error"]
    for metric, table in row["shift"].items():
        for corruption, values in zip(CORRUPTIONS, table, strict=True):
            for severity, value in zip(SEVERITIES, values, strict=True):
                expected = statistics.mean(
                    number(record.metrics.corruptions[corruption][severity][metric])
                    for record in mine
                )
                assert value == pytest.approx(rounded(expected), abs=1e-12)


def test_parts_are_those_of_one_network(study: Study) -> None:
    for row in configurations(study, "pneumonia"):
        assert [part for part, _ in row["parts"]] == ["network.backbone.stem", "other"]
        assert sum(flops for _, flops in row["parts"]) == row["flops"]


def test_costs_that_differ_between_seeds_are_averaged() -> None:
    """A deployed SAE keeps the exits that its seed has learned to prefer."""
    records = []
    for seed, parts in ((0, {"stem": 100}), (1, {"stem": 100, "late": 50})):
        record, _ = finished_run(run_config("pneumonia", "sae", {}, seed), "classification", 1.0)
        cost = Cost(
            flops=sum(parts.values()),
            params=10,
            paper_flops=99,
            paper_params=99,
            flops_by_part=parts,
        )
        records.append(replace(record, cost=cost))
    (row,) = configurations(study_of(records), "pneumonia")
    assert row["flops"] == 125
    assert row["parts"] == [["stem", 100], ["late", 25]]


def test_what_was_measured_is_an_axis(study: Study, results: Path) -> None:
    runs = study.runs("pneumonia")
    assert measured_keys(runs) == []
    first = runs["config_id"].iloc[0]
    times = pd.Series(0.25, index=runs.index).where(runs["config_id"] == first)
    frames = dataclasses.replace(study.frames, runs=study.frames.runs.assign(onnx_latency_ms=times))
    timed = dataclasses.replace(study, frames=frames)
    assert measured_keys(timed.runs("pneumonia")) == ["onnx_latency_ms"]
    assert measured_keys(timed.runs("retina")) == []
    found = {row["id"]: row["onnx_latency_ms"] for row in configurations(timed, "pneumonia")}
    assert found.pop(first) == 0.25
    assert set(found.values()) == {None}
    assert _dataset(timed, "pneumonia")["measured"] == [
        {
            "key": "onnx_latency_ms", "label": "ONNX Runtime, one image (ms)",
            "direction": "lower", "kind": "measured",
        }
    ]  # fmt: skip


def test_measurements_beside_the_records_are_read(results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    run_id = next(iter(sorted(path.name for path in (copy / "runs").glob("pneumonia-sae-*"))))
    measurement = {
        "run_id": run_id, "machine": {"cpu": "Abacus"}, "network": {"onnx_mib": 0.5},
        "timings": {},
    }  # fmt: skip
    save(copy, measurement)
    assert measured_keys(read_study(copy).runs("pneumonia")) == ["onnx_mib"]


def test_one_configuration_stands_for_each_category(study: Study) -> None:
    chosen = [row["category"] for row in configurations(study, "pneumonia") if row["chosen"]]
    assert sorted(chosen) == sorted(set(chosen))
    assert len(chosen) == 9


def test_theta_starts_at_uniform_and_ends_where_training_left_it(frames: Frames) -> None:
    (config_id,) = frames.depth.loc[frames.depth["category"] == "MIMO", "config_id"].unique()
    theta = histories(frames.depth, "pneumonia")[config_id]
    third = pytest.approx(1 / 3)
    assert theta["progress"] == [0, 0.5, 1]
    assert [values[0] for values in theta["mean"]] == [third] * 3
    end = [(1 - 0.3) / 3, (1 - 0.3) / 3, 1 - 2 * (1 - 0.3) / 3]
    assert [values[-1] for values in theta["mean"]] == pytest.approx(end)
    assert theta["end"] == [pytest.approx(end)] * 2


def test_a_long_history_keeps_its_ends(frames: Frames) -> None:
    depth = frames.depth[frames.depth["category"] == "EE"]
    first = depth[(depth["epoch"] == 0) & (depth["dataset"] == "pneumonia")]
    epochs = [first.assign(epoch=epoch, progress=(epoch + 1) / 100) for epoch in range(100)]
    (theta,) = histories(pd.concat(epochs), "pneumonia").values()
    assert len(theta["progress"]) == 21
    assert (theta["progress"][0], theta["progress"][-1]) == (0, 1)
    assert theta["progress"] == sorted(theta["progress"])


def test_panels_are_in_the_order_of_legends(frames: Frames) -> None:
    found = panels(frames.depth, "pneumonia")
    assert [panel["category"] for panel in found] == ["SE NN", "EE", "MIMO", "MIMMO", "I/B"]
    for panel in found:
        assert (panel["depth"], panel["n"], panel["progress"]) == (3, 1, [0, 0.5, 1])
        assert all(
            math.isclose(sum(at), 1, abs_tol=1e-3) for at in zip(*panel["mean"], strict=True)
        )
