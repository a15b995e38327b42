"""Measurements beside the records, and as columns."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.records import measurements


def a_measurement(run_id: str = "a-s0", ms: float = 2.0, **other: Any) -> measurements.Measurement:
    return {
        "run_id": run_id,
        "measured_at": "2026-01-01T00:00:00+00:00",
        "machine": {"cpu": "Abacus"},
        "timings": {
            "onnx": {"latency_ms": [ms, ms - 1, ms + 1], "image_ms": [ms / 4, None, None]},
        },
        "network": {"onnx_mib": 0.5},
        "memory_mib": {"onnx": 7.0},
        "image_mj": {},
        **other,
    }


def runs() -> pd.DataFrame:
    def row(run_id: str, config: str, flops: int, split: str = "test") -> dict[str, Any]:
        return {
            "run_id": run_id, "config_id": config, "flops": flops, "params": 1, "split": split
        }  # fmt: skip

    return pd.DataFrame(
        [
            row("a-s0", "a", 5, "val"),
            row("a-s0", "a", 5),
            row("a-s1", "a", 5),  # the same network with other weights
            row("a-s2", "a", 9),  # the same configuration, another network
            row("b-s0", "b", 5),
        ],
        index=[10, 11, 12, 13, 14],
    )


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    assert measurements.measurements(tmp_path) == []
    path = measurements.save(tmp_path, a_measurement())
    assert path == tmp_path / "latency" / "a-s0.json"
    assert measurements.measurements(tmp_path) == [a_measurement()]
    measurements.save(tmp_path, a_measurement(ms=3.0))
    assert measurements.measurements(tmp_path) == [a_measurement(ms=3.0)]


def test_flat() -> None:
    assert measurements.flat(a_measurement(image_mj={"onnx": 0.25})) == {
        "run_id": "a-s0", "machine": "Abacus",
        "onnx_latency_ms": 2.0, "onnx_latency_ms_low": 1.0, "onnx_latency_ms_high": 3.0,
        "onnx_image_ms": 0.5, "onnx_image_ms_low": None, "onnx_image_ms_high": None,
        "onnx_memory_mib": 7.0, "onnx_image_mj": 0.25, "onnx_mib": 0.5,
    }  # fmt: skip


def test_every_measure_has_a_label() -> None:
    flat = measurements.flat(a_measurement(image_mj={"onnx": 0.25}))
    known = {key.removesuffix("_low").removesuffix("_high") for key in flat}
    assert known - {"run_id", "machine"} <= set(measurements.MEASURES)
    assert measurements.MEASURES["onnx_latency_ms"] == "ONNX Runtime, one image (ms)"


def test_columns_of_runs(tmp_path: Path) -> None:
    measurements.save(tmp_path, a_measurement())
    merged = measurements.with_measures(runs(), tmp_path)
    pd.testing.assert_frame_equal(merged[list(runs().columns)], runs())
    np.testing.assert_array_equal(merged["onnx_latency_ms"], [2.0, 2.0, 2.0, np.nan, np.nan])


def test_a_runs_own_numbers_come_first(tmp_path: Path) -> None:
    measurements.save(tmp_path, a_measurement())
    measurements.save(tmp_path, a_measurement("a-s1", ms=8.0))
    merged = measurements.with_measures(runs(), tmp_path)
    np.testing.assert_array_equal(merged["onnx_latency_ms"], [2.0, 2.0, 8.0, np.nan, np.nan])


def test_without_measurements_nothing_changes(tmp_path: Path) -> None:
    before = runs()
    assert measurements.with_measures(before, tmp_path) is before


def test_energy_is_absent_without_a_meter(tmp_path: Path) -> None:
    measurements.save(tmp_path, a_measurement())
    merged = measurements.with_measures(runs(), tmp_path)
    assert [name for name in merged.columns if "mj" in str(name)] == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    from bench.records.store import StorageError

    (tmp_path / "latency").write_text("")
    with pytest.raises(StorageError):
        measurements.save(tmp_path, a_measurement())
