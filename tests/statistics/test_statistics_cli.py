"""`python -m bench.statistics`: what it writes, what it says, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_study import classifier, regressor, save

from bench.records.frames import load_frames
from bench.records.store import Store
from bench.statistics.__main__ import main
from bench.statistics.intervals import intervals

TABLES = {
    "intervals", "differences", "equal_cost", "cost_to_match", "ensemble_equivalents", "selection",
    "ece", "drops", "rank_blocks", "hypervolumes", "attainment", "effects",
}  # fmt: skip
CATEGORIES = {"Standard NN": "aaa", "NN Ensemble": "bbb", "MIMO": "ccc"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three categories on two datasets; the last one lacks its second seed."""
    results = tmp_path / "results"
    for i, (category, config_id) in enumerate(CATEGORIES.items()):
        for dataset, make in (("digits", classifier), ("retina", regressor)):
            for seed in range(1 if category == "MIMO" else 2):
                rng = np.random.default_rng([i, seed])
                names = ("val", "test", "blur/1")
                splits = {name: make(rng, n_samples=40) for name in names}
                settings = {"n_inputs": 2, "n_exits": 1} if category == "MIMO" else None
                save(
                    results, splits, dataset=dataset, category=category, seed=seed,
                    config_id=f"{config_id}-{dataset}", settings=settings, flops=1000 * (i + 1),
                )  # fmt: skip
    return results


def test_every_table_is_written_and_the_page_printed(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(study)]) == 0
    folder = study / "statistics"
    assert {path.stem for path in folder.glob("*.csv")} == TABLES
    page = capsys.readouterr().out
    assert page == (folder / "summary.md").read_text()
    assert "## digits: test, 95% intervals" in page
    assert "| MIMO" in page
    assert "1 of 2" in page  # seeds
    assert "] images only" in page
    assert "are too few to tell 3 categories apart" in page
    written = pd.read_csv(folder / "intervals.csv")
    datasets = ("digits", "retina")
    ids = [f"{config_id}-{name}" for name in datasets for config_id in CATEGORIES.values()]
    again = intervals(load_frames(study), ids, splits=("test", "ood"))
    keys = ["config_id", "split", "metric"]
    pd.testing.assert_frame_equal(
        written.sort_values(keys, ignore_index=True),
        again.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    compared = pd.read_csv(folder / "differences.csv")
    references = {f"{config_id}-{name}" for config_id in ("aaa", "bbb") for name in datasets}
    assert set(compared["reference_id"]) == references
    # Once more: the same bytes.
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["--results", str(study)]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_missing_predictions_are_bad_input(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(study)
    record = store.load("digits-standard-aaa-digits-s0")
    assert record is not None
    store.remove(record.run_id)
    store.save(record, {})
    assert main(["--results", str(study)]) == 2
    error = capsys.readouterr().err
    assert "digits-standard-aaa-digits-s0" in error
    assert "has no predictions.npz" in error
