"""Validation-to-test drop: sign, identities, and the width of two independent samples."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from stored_study import classifier, save

from bench.metrics.table import keys_for, lookup
from bench.records.frames import load_frames
from bench.statistics.validation_drop import drops


def test_drop_is_positive_where_test_is_worse(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    val, test = classifier(rng, n_samples=300), classifier(rng, n_samples=400)
    save(tmp_path, {"val": val, "test": test})
    save(tmp_path, {"val": test, "test": val}, config_id="bbb", category="MIMO")
    table = drops(load_frames(tmp_path))
    expected = [
        key for key, metric in keys_for("classification").items() if metric.kind != "diversity"
    ]
    for category in ("Standard NN", "MIMO"):
        rows = table[table["category"] == category]
        assert list(rows["metric"]) == expected
    there = table[table["category"] == "Standard NN"].set_index("metric")
    back = table[table["category"] == "MIMO"].set_index("metric")
    np.testing.assert_allclose(there["drop"], -back["drop"])
    for key in ("accuracy", "nll"):
        better = lookup("classification", key).direction
        change = (there["test"] - there["val"])[key]
        assert there.loc[key, "drop"] == pytest.approx(change if better == "lower" else -change)
    assert (there["low"] <= there["drop"]).all()
    assert (there["drop"] <= there["high"]).all()


def test_both_splits_are_drawn_on_their_own(tmp_path: Path) -> None:
    """The same images in both: the drop is 0, its interval that of two independent samples."""
    split = classifier(np.random.default_rng(0), n_samples=400)
    save(tmp_path, {"val": split, "test": split})
    row = drops(load_frames(tmp_path)).set_index("metric").loc["accuracy"]
    p = float((split.mixed_BC.argmax(axis=1) == split.y_B).mean())
    half = norm.ppf(0.975) * math.sqrt(2 * p * (1 - p) / 400)
    assert row["drop"] == 0
    assert row["high"] == pytest.approx(half, rel=0.2)
    assert row["low"] == pytest.approx(-half, rel=0.2)


def test_a_search_has_no_drop(tmp_path: Path) -> None:
    save(tmp_path, {"val": classifier(np.random.default_rng(0))})
    assert drops(load_frames(tmp_path)).empty
