"""The probability of improvement by hand."""

import math

import pandas as pd
import pytest
from tables.hand_made import frames, rows

from bench.statistics.improvement import improvements


def study(ours: dict[int, float], theirs: dict[int, float], n_datasets: int = 1) -> pd.DataFrame:
    parts = []
    for d in range(n_datasets):
        for category, values in (("EE", ours), ("Standard NN", theirs)):
            for seed, nll in values.items():
                name = "a" if category == "EE" else "b"
                parts.append(
                    rows(name, category, dataset=f"d{d}", seeds=(seed,), val={}, test={"nll": nll})
                )
    return improvements(frames(*parts))


def test_the_share_of_pairs_that_win_ties_by_half() -> None:
    # 0.1 beats 0.2 and 0.3, ties none; 0.3 loses to 0.2 and ties 0.3: (2 + 0.5) / 4.
    (row,) = study({0: 0.1, 1: 0.3}, {0: 0.2, 1: 0.3}).to_dict("records")
    assert row["probability"] == pytest.approx(2.5 / 4)
    assert (row["category"], row["n_datasets"], row["n_seeds"]) == ("EE", 1, 2)
    assert math.isnan(row["low"])  # two seeds have no interval


def test_three_seeds_have_an_interval_and_five_data_sets_are_the_unit() -> None:
    ours, theirs = {0: 0.1, 1: 0.3, 2: 0.2}, {0: 0.2, 1: 0.35, 2: 0.15}
    (row,) = study(ours, theirs).to_dict("records")
    assert row["unit"] == "seed"
    assert 0 <= row["low"] < row["probability"] < row["high"] <= 1
    (row,) = study(ours, theirs, n_datasets=5).to_dict("records")
    # All five are equal: over data sets nothing varies.
    assert row["unit"] == "dataset"
    assert row["low"] == pytest.approx(row["high"]) == pytest.approx(row["probability"])


def test_without_the_reference_there_is_none() -> None:
    assert improvements(frames(rows("a", "EE", val={}, test={}))).empty
