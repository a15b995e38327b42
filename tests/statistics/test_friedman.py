"""Average ranks: Demsar's worked example, closed forms, too few blocks, missing categories."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from bench.records.frames import Frames
from bench.statistics.friedman import blocks, critical_difference, fewest_datasets, rank_test

# Demsar (2006), Table 6: AUC of four variants of C4.5 on 14 data sets. Printed as .975 and .975,
# the third variant is ranked before the fourth on "voting".
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
    index=pd.MultiIndex.from_product(
        [[f"set {i}" for i in range(14)], ["auroc"]], names=["dataset", "metric"]
    ),
)


def table(
    values: list[list[float]], metric: str = "nll", datasets: int | None = None
) -> pd.DataFrame:
    """Blocks of a metric; `datasets` fewer than blocks repeat the metric's blocks in one."""
    n = len(values)
    names = [f"set {i % (datasets or n)}" for i in range(n)]
    index = pd.MultiIndex.from_arrays([names, [metric] * n], names=["dataset", "metric"])
    return pd.DataFrame(values, index=index, columns=list("abcdefgh")[: len(values[0])])


def test_demsars_worked_example() -> None:
    found = rank_test(DEMSAR)
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert list(found.ranks.index) == list(expected)
    np.testing.assert_allclose(found.ranks, list(expected.values()), atol=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    # The paper's 9.28 is without the correction for ties (of 2, 2, 2 and 4 among 14 rows).
    uncorrected = found.statistic * (1 - (3 * (2**3 - 2) + 4**3 - 4) / (14 * (4**3 - 4)))
    assert uncorrected == pytest.approx(9.28, abs=5e-3)
    assert found.p == pytest.approx(chi2.sf(found.statistic, 3))
    assert (found.n_blocks, found.n_datasets, found.enough, found.message) == (14, 14, True, "")
    # Its conclusion: best and worst do not differ at 5%, but at 10%, where it prints CD = 1.12.
    spread = found.ranks["C4.5"] - found.ranks["C4.5+m+cf"]
    at_10_percent = critical_difference(4, 14, alpha=0.10)
    assert at_10_percent == pytest.approx(1.12, abs=5e-3)
    assert at_10_percent < spread < critical_difference(4, 14)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (8, 3.031), (10, 3.164)])
def test_critical_values_of_demsars_table_5(k: int, q: float) -> None:
    n = 30
    expected = q * math.sqrt(k * (k + 1) / (6 * n))
    assert critical_difference(k, n) == pytest.approx(expected, rel=5e-4)


def test_the_best_is_ranked_first_whichever_direction_is_better() -> None:
    lower = rank_test(table([[0.1, 0.2, 0.3]] * 4, metric="nll"))
    higher = rank_test(table([[0.1, 0.2, 0.3]] * 4, metric="accuracy"))
    assert list(lower.ranks.index) == ["a", "b", "c"]
    assert list(higher.ranks.index) == ["c", "b", "a"]
    assert lower.ranks.to_list() == higher.ranks.to_list() == [1, 2, 3]
    # The same order in all n blocks is the largest chi-square there is, n (k - 1).
    assert lower.statistic == pytest.approx(4 * 2)


def test_ties_share_their_ranks() -> None:
    found = rank_test(table([[0.1, 0.1, 0.3], [0.1, 0.1, 0.3], [0.2, 0.1, 0.3]]))
    assert found.ranks.to_dict() == pytest.approx({"a": 5 / 3, "b": 4 / 3, "c": 3})
    equal = rank_test(table([[0.5, 0.5, 0.5]] * 3))
    assert (equal.statistic, equal.p) == (0, 1)
    assert equal.ranks.to_list() == [2, 2, 2]


@pytest.mark.parametrize("k", [3, 5, 8])
def test_with_too_few_datasets_even_one_order_everywhere_tells_nothing(k: int) -> None:
    needed = fewest_datasets(k)
    order = [float(i) for i in range(k)]
    few, enough = rank_test(table([order] * (needed - 1))), rank_test(table([order] * needed))
    for found in (few, enough):
        assert found.critical_difference is not None
        spread = found.ranks.iloc[-1] - found.ranks.iloc[0]
        assert spread == k - 1
        assert (spread > found.critical_difference) == found.enough == (not found.message)
    assert f"fewer than {needed} datasets" in few.message
    assert f"{needed - 1} blocks of {needed - 1} datasets are too few to tell {k}" in few.message


def test_metrics_of_one_dataset_do_not_make_it_many() -> None:
    found = rank_test(table([[1.0, 2.0, 3.0]] * 20, datasets=2))
    assert (found.n_blocks, found.n_datasets, found.enough) == (20, 2, False)
    assert "20 blocks of 2 datasets are too few" in found.message
    assert "blocks of 1 dataset are" in rank_test(table([[1.0, 2.0, 3.0]] * 2, datasets=1)).message


def test_missing_values_leave_out_what_loses_least() -> None:
    nan = math.nan
    # One category lacks a value in two of four blocks: the category goes.
    found = rank_test(table([[1, 2, 3, nan], [1, 2, 3, nan], [1, 2, 3, 4], [1, 2, 3, 0]]))
    assert sorted(found.ranks.index) == ["a", "b", "c"]
    assert (found.n_blocks, found.left_out) == (4, ("d",))
    # One block of eight has a single category: the block goes.
    rows = [[1.0, 2.0, 3.0]] * 7 + [[1.0, nan, nan]]
    found = rank_test(table(rows))
    assert (found.n_blocks, found.left_out) == (7, ("set 7 nll",))


@pytest.mark.parametrize("values", [[[1.0, 2.0]] * 20, [[1.0]] * 3])
def test_two_categories_are_no_rank_test(values: list[list[float]]) -> None:
    found = rank_test(table(values))
    assert not found.enough
    assert "the rank test needs 3" in found.message
    assert found.critical_difference is None
    assert math.isnan(found.p)


def test_nothing_to_rank() -> None:
    found = rank_test(
        blocks(Frames(runs=runs_of([]), depth=pd.DataFrame(), failures=pd.DataFrame()))
    )
    assert (found.n_blocks, found.enough, len(found.ranks)) == (0, False, 0)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="metric is 'speed'"):
        rank_test(table([[1.0, 2.0, 3.0]] * 3, metric="speed"))


def runs_of(rows: list[dict[str, object]]) -> pd.DataFrame:
    columns = ["dataset", "config_id", "category", "task", "seed", "split", "flops", "nll"]
    return pd.DataFrame(rows, columns=[*columns, "mse", "mae", "coverage_error", "nll_mixture"])


def test_blocks_are_test_values_of_what_validation_chose() -> None:
    rows: list[dict[str, object]] = []
    for category, config_id, val, test in (
        ("MIMO", "m1", 0.3, 0.9),  # chosen: the lowest on validation
        ("MIMO", "m2", 0.4, 0.1),
        ("EE", "e1", 0.5, 0.2),
    ):
        for seed in (0, 1):
            shared: dict[str, object] = {
                "dataset": "retina", "config_id": config_id, "category": category,
                "task": "regression", "seed": seed, "flops": 1.0, "mae": 0.1,
                "coverage_error": 0.2, "nll_mixture": 0.3,
            }  # fmt: skip
            rows.append({**shared, "split": "val", "nll": val, "mse": 9.0})
            mse = math.nan if (category, seed) == ("EE", 1) else 2.0
            rows.append({**shared, "split": "test", "nll": test + seed, "mse": mse})
    found = blocks(Frames(runs=runs_of(rows), depth=pd.DataFrame(), failures=pd.DataFrame()))
    assert list(found.index.get_level_values("metric")) == [
        "mse", "mae", "nll", "nll_mixture", "coverage_error",
    ]  # fmt: skip
    assert found.xs("nll", level="metric").iloc[0].to_dict() == pytest.approx(
        {"MIMO": 1.4, "EE": 0.7}
    )
    without_test = [row for row in rows if row["split"] == "val"]
    searched = Frames(runs=runs_of(without_test), depth=pd.DataFrame(), failures=pd.DataFrame())
    assert blocks(searched).empty
    # A seed without a value leaves none: dropping it would flatter the category.
    assert found.xs("mse", level="metric").iloc[0].isna().to_dict() == {"MIMO": False, "EE": True}
