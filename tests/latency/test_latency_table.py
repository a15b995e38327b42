"""The tables of docs/latency/ from measurements by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perf import latency_table
from perf.latency_verdicts import cases, counted, misordered, verdict


def times(runtime: str, ms: float, spread: float = 0.1) -> dict[str, float]:
    return {
        f"{runtime}_{kind}{end}": (ms if kind == "latency_ms" else ms / 4) * factor
        for kind in ("latency_ms", "image_ms")
        for end, factor in (("", 1), ("_low", 1 - spread), ("_high", 1 + spread))
    }


def a_row(run: str, category: str, flops: float, **ms: float) -> dict[str, Any]:
    row = {
        "run_id": run, "dataset": "toy", "backbone": "fc", "category": category, "label": "W=8",
        "flops": flops, "params": 1.0, "machine": "Abacus",
    }  # fmt: skip
    for runtime, value in ms.items():
        row |= times(runtime, value)
    return row


ROWS = pd.DataFrame(
    [
        a_row("a", "I/B", 100.0, full=4.0, eager=1.0, onnx=0.5),
        a_row("b", "EE", 200.0, full=2.0, eager=3.0, onnx=1.0),
        a_row("c", "Standard NN", 400.0, full=3.0, eager=3.0, onnx=0.8),
    ]
)


@pytest.mark.parametrize(
    ("ms", "other", "expected"),
    [(1.0, 2.0, "faster"), (2.0, 1.0, "slower"), (1.0, 1.1, "equal"), (1.0, np.nan, "unknown")],
)
def test_a_verdict_is_that_of_the_intervals(ms: float, other: float, expected: str) -> None:
    row = times("eager", ms) | times("full", other)
    assert verdict(row, "eager_latency_ms", "full_latency_ms") == expected


def test_without_intervals_nothing_is_told() -> None:
    row = {"eager_latency_ms": 1.0, "full_latency_ms": 9.0, "eager_latency_ms_low": np.nan}
    assert verdict(row, "eager_latency_ms", "full_latency_ms") == "unknown"


def test_every_case_by_hand() -> None:
    found = cases(ROWS)
    alone = found[found["kind"] == "latency_ms"].set_index("run_id")
    assert dict(alone["verdict"]) == {"a": "faster", "b": "slower", "c": "equal"}
    assert alone.loc["a", "ratio"] == 0.25
    assert counted(list(found["verdict"])) == {"faster": 2, "equal": 2, "slower": 2, "unknown": 0}


def test_pairs_that_flops_order_wrongly() -> None:
    # By FLOPs a < b < c; by time of ONNX a < c < b, all apart.
    assert misordered(ROWS, "onnx_latency_ms") == (1, 3)
    # b and c take as long: that pair can not be told.
    assert misordered(ROWS, "eager_latency_ms") == (0, 2)


def test_pages() -> None:
    deployed = "\n".join(latency_table.deployed_page(ROWS))
    assert (
        "In 4 of 6 cases the deployed network is faster than the trained one or equal" in deployed
    )
    assert "| fc | EE | one image | 0 | 0 | 1 | 1.50 | 1.50 |" in deployed
    assert "- `b`, one image: 1.50" in deployed
    flops = "\n".join(latency_table.flops_page(ROWS))
    assert "| toy | fc | ONNX Runtime | one image | 3 | 0.50 | 1 of 3 |" in flops
    # 0.5 / 100, 1 / 200 and 0.8 / 400: the first two are the median.
    assert "| toy | fc | Standard NN | 1 | 0.40 | 0.40 |" in flops
    runs = "\n".join(latency_table.runs_page(ROWS))
    assert "4.000 / 1.0000 | 1.000 / 0.2500 (0.25 / 0.25) | - | 0.500 / 0.1250" in runs
    assert "| 3.000 / 0.7500 | 3.000 / 0.7500 (1.00 / 1.00) |" in runs
    for page in (deployed, flops, runs):
        assert "measured on Abacus" in page


def test_a_folder_without_measurements(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert latency_table.main([str(tmp_path), "--out", str(tmp_path / "docs")]) == 2
    assert f"run python -m bench.latency --results {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
