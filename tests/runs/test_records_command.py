"""`python -m bench.records`: lists, one run, failures, and damage."""

from pathlib import Path
from typing import Any

import pytest
from made_records import failed

from bench.records import measurements
from bench.records.__main__ import main
from bench.records.store import Store, search_folder
from runs.stored_files import FILES, a_record

MEASURED: dict[str, Any] = {
    "run_id": "digits-standard-0123-s0",
    "machine": {"cpu": "Abacus"},
    "timings": {"eager": {"latency_ms": [1.0, 0.5, None]}},
    "network": {},
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    metrics = {"val": {"accuracy": 0.75, "nll": None}, "test": {"accuracy": 0.5}}
    store.save(a_record(0, metrics=metrics, label="W=8"), FILES)
    store.save(failed({"config": {"seed": 1}, "error": {"traceback": "line 7"}}), {})
    Store(search_folder(tmp_path)).save(a_record(2, stage="search"), FILES)
    measurements.save(tmp_path, MEASURED)
    return tmp_path


def test_a_list_has_a_row_per_run(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", str(results)]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["digits-standard-0123-s0", "Standard NN", "W=8", "0", "done", "accuracy 0.750", "100"],
        ["digits-standard-0123-s1", "Standard NN", "", "1", "failed", "", ""],
    ]


def test_one_run_is_shown_whole(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "digits-standard-0123-s0", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    for part in ("settings: method=standard backbone=fc seed=0",
                 "validation: accuracy=0.75 nll=undefined", "100 FLOPs", "test: accuracy=0.5",
                 "code=not recorded", "file: predictions.npz sha256 "):  # fmt: skip
        assert part in out
    assert main(["show", "digits-standard-0123-s1", "--results", str(results)]) == 0
    assert "error: ValueError: no luck\nline 7" in capsys.readouterr().out
    assert main(["show", "digits-standard-0123-s7", "--results", str(results)]) == 2
    assert "near are: digits-standard-0123-s1" in capsys.readouterr().err


def test_failures_have_their_reasons(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", str(results)]) == 0
    out = capsys.readouterr().out
    assert out == "digits-standard-0123-s1 (): ValueError: no luck\n1 of 2 runs failed\n"
    assert main(["failures", "--results", str(results), "--tracebacks"]) == 0
    assert "line 7" in capsys.readouterr().out


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 2
    path.write_bytes(content)


def test_verify_reads_every_byte(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(results.rglob("*"))
    assert main(["verify", str(results)]) == 0
    assert capsys.readouterr().out == "3 runs checked, 0 damages found\n"
    damaged = [
        results / "runs/digits-standard-0123-s0/weights.safetensors",
        results / "runs/digits-standard-0123-s1/record.json",
        results / "search/runs/digits-standard-0123-s2/predictions.npz",
        results / "latency/digits-standard-0123-s0.json",
    ]
    for path in damaged:
        flip(path)
    assert main(["verify", str(results)]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == "3 runs checked, 4 damages found"
    for path in damaged:
        place = path if path.suffix == ".json" and "latency" in str(path) else path.parent
        assert sum(line.startswith(f"{place}: ") for line in lines) == 1
    assert sorted(results.rglob("*")) == before
    # Views leave out what is damaged, and go on.
    assert measurements.measurements(results) == []
    assert main(["list", str(results)]) == 0
    assert main(["show", "digits-standard-0123-s1", "--results", str(results)]) == 2
    assert "is damaged: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "failures", "verify"])
def test_no_results_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(tmp_path / "none")]) == 2
    assert "none: not a results folder (it has no folder runs/)" in capsys.readouterr().err
