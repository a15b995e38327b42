"""Replicates of several processes are those of one, and little work is not shared out."""

import logging
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from stored_study import classifier, save

from bench.statistics import prefetch, replicates
from bench.statistics.prefetch import keep_replicates
from bench.statistics.replicates import Split

R = 20
SPLITS: tuple[Split, ...] = ("test", "ood")


def study(root: Path) -> list[str]:
    ids = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        splits = {name: classifier(rng) for name in ("val", "test", "blur/1")}
        splits["noise/2"] = splits["blur/1"]
        ids.append(save(root, splits, seed=seed))
    return ids


def kept(root: Path) -> dict[str, bytes]:
    folder = root / ".cache" / "statistics"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_any_number_of_processes_keeps_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "MIN_WORK", 1)
    found = []
    for workers in (1, 2, 3):
        root = tmp_path / str(workers)
        ids = study(root)
        keep_replicates(root, ids, [*SPLITS, ("nll", "ece")], R, workers=workers)
        assert bool(kept(root)) == (workers > 1)
        for run_id in ids:
            for split in SPLITS:
                assert (replicates.cold_work(root, run_id, split, R) == 0) == (workers > 1)
                replicates.of_run(root, run_id, split, R)
            replicates.by_severity(root, run_id, ["ece", "nll"], R)
        found.append(kept(root))
    assert len(found[0]) == 9
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("n_runs", [1, 3])
def test_little_work_starts_no_process(
    n_runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "_processes", None)  # calling it would fail
    if n_runs == 1:
        monkeypatch.setattr(prefetch, "MIN_WORK", 1)
    keep_replicates(tmp_path, study(tmp_path)[:n_runs], ["ood"], R, workers=4)
    assert kept(tmp_path) == {}


def test_work_is_counted_and_what_is_kept_is_none(tmp_path: Path) -> None:
    run_id = study(tmp_path)[0]
    assert replicates.cold_work(tmp_path, run_id, "val", R) == 60 * R
    assert replicates.cold_work(tmp_path, run_id, "ood", R) == 60 * 2 * R
    assert replicates.cold_work(tmp_path, run_id, ("nll",), R) == 60 * 2 * R
    replicates.by_severity(tmp_path, run_id, ["nll"], R)
    assert replicates.cold_work(tmp_path, run_id, ("nll",), R) == 0
    assert replicates.cold_work(tmp_path, run_id, ("ece",), R) > 0
    assert replicates.cold_work(tmp_path, run_id, ("nll",), R + 1) > 0


def test_a_run_that_is_missing_is_left_to_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "MIN_WORK", 1)
    ids = study(tmp_path)
    (tmp_path / "runs" / ids[0] / "predictions.npz").unlink()
    keep_replicates(tmp_path, ["nobody", *ids], ["test"], R, workers=2)
    assert len(kept(tmp_path)) == 2


def test_processes_that_die_leave_the_work_to_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenProcessPool("killed")

    monkeypatch.setattr(prefetch, "MIN_WORK", 1)
    monkeypatch.setattr(prefetch, "as_completed", broken)
    caplog.set_level(logging.WARNING)
    keep_replicates(tmp_path, study(tmp_path), ["test"], R, workers=2)
    assert "going on in this one" in caplog.text
