"""Effects of SAE's settings: known relations, SciPy as oracle, a function whose ANOVA is known."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.metrics.predictive import FloatArray
from bench.metrics.table import metrics_for
from bench.records.frames import Frames
from bench.statistics.effects import (
    FEWEST,
    INTERACTION,
    effects,
    forest_shares,
    rank_correlations,
)

RNG = np.random.default_rng(0)
KEYS = [metric.name for metric in metrics_for("regression")]


def rank_correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """rho, low, high and p of one setting."""
    (found,) = rank_correlations(x[:, None], y, np.random.default_rng(0))
    return np.asarray(found, dtype=np.float64)


def frames(root: Path | None = None) -> Frames:
    """NLL rises with N, falls with K and does not depend on the width; one alpha, no noise."""
    rows: list[dict[str, Any]] = []
    grid = list(product([1, 2, 3], [1, 2, 3], [8, 16]))
    for i, (n_inputs, n_exits, width) in enumerate(grid):
        for seed in (0, 1):
            values = dict.fromkeys(KEYS, 1.0)
            values |= {"nll": 10.0 * n_inputs - n_exits + (0.1 if seed else -0.1), "mse": i / 7}
            rows.append({
                "dataset": "retina", "task": "regression", "method": "sae", "seed": seed,
                "config_id": f"c{i}", "split": "test", "n_inputs": n_inputs, "n_exits": n_exits,
                "width": width, "alpha_start": 1.0, **values,
            })  # fmt: skip
    other = {**rows[0], "method": "standard", "config_id": "s", "n_inputs": np.nan, "nll": 99.0}
    runs = pd.DataFrame([*rows, other])
    return Frames(runs=runs, depth=pd.DataFrame(), failures=pd.DataFrame(), root=root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def table(root: Path) -> pd.DataFrame:
    return effects(frames(root))


def test_rows_are_settings_that_vary_by_metrics(table: pd.DataFrame) -> None:
    assert list(table["setting"].unique()) == ["n_inputs", "n_exits", "width", INTERACTION]
    assert list(table["metric"].unique()) == list(KEYS)
    assert set(table["n"]) == {18}  # configurations, not runs
    assert len(table) == 4 * len(KEYS)


def test_known_relations_are_found(table: pd.DataFrame) -> None:
    nll = table[table["metric"] == "nll"].set_index("setting")
    means = frames().runs.query("method == 'sae'").groupby("config_id").mean(numeric_only=True)
    for setting in ("n_inputs", "n_exits", "width"):
        expected = spearmanr(means[setting], means["nll"]).statistic
        assert nll.loc[setting, "rho"] == pytest.approx(expected)
    low, high, share, null, p_holm = (
        nll[name].to_dict() for name in ("low", "high", "importance", "null", "p_holm")
    )
    assert low["n_inputs"] > 0.8
    assert high["n_exits"] < 0.5
    assert low["width"] < 0 < high["width"]
    assert share["n_inputs"] > 0.9
    assert share["width"] < 0.02
    assert share[INTERACTION] < 0.05
    assert p_holm["n_inputs"] < 0.05 < p_holm["width"]
    assert share["n_inputs"] > null["n_inputs"]
    assert (nll["r2"] > 0.8).all()
    constant = table[table["metric"] == "mae"]
    assert constant[["rho", "low", "high", "importance"]].isna().all(axis=None)


def test_known_effects_are_not_computed_again(
    root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.statistics.effects.forest_shares", None)
    assert effects(frames(root)).equals(table)


def test_without_sae_or_its_split_there_is_nothing() -> None:
    study = frames()
    assert effects(study, split="val").empty
    standard = study.runs[study.runs["method"] == "standard"]
    assert effects(Frames(runs=standard, depth=study.depth, failures=study.failures)).empty


def test_interval_agrees_with_fishers_z_without_ties() -> None:
    x = RNG.normal(size=300)
    y = 0.6 * x + RNG.normal(size=300)
    rho, low, high, _ = rank_correlation(x, y)
    assert rho == pytest.approx(spearmanr(x.tolist(), y.tolist()).statistic)
    # Bonett & Wright (2000): standard error sqrt((1 + rho^2 / 2) / (n - 3)) in z.
    half = 1.96 * math.sqrt((1 + rho**2 / 2) / 297)
    z = math.atanh(rho)
    assert (low, high) == pytest.approx((math.tanh(z - half), math.tanh(z + half)), abs=0.03)


def test_perfect_and_undefined_correlations() -> None:
    x = np.arange(12, dtype=np.float64)
    assert rank_correlation(x, x**3)[:3] == pytest.approx((1, 1, 1))
    assert rank_correlation(x, -x)[:3] == pytest.approx((-1, -1, -1))
    assert np.isnan(rank_correlation(x, np.ones(12))).all()
    few = rank_correlation(x[: FEWEST - 1], x[: FEWEST - 1])
    assert few[0] == pytest.approx(1)
    assert np.isnan(few[1:]).all()
    assert np.isnan(rank_correlation(x[:2], x[:2])).all()


def grid() -> pd.DataFrame:
    rows = list(product(range(6), range(6)))
    return pd.DataFrame(rows, columns=["n_inputs", "n_exits"], dtype=float)


def test_importances_of_functions_whose_anova_is_known() -> None:
    # f = 3 a + b on {0, ..., 5}^2 has Var = 9 v + v: shares .9 and .1, and no interaction.
    a, b = grid().to_numpy().T
    found = forest_shares(grid(), 3 * a + b, np.random.default_rng(0))
    assert found.importance == pytest.approx([0.9, 0.1, 0], abs=0.07)
    assert found.r2 > 0.8
    # (a - 2.5) (b - 2.5) is an interaction and nothing else.
    found = forest_shares(grid(), (a - 2.5) * (b - 2.5), np.random.default_rng(0))
    assert found.importance[2] > max(0.75, found.null[2])
    assert max(found.importance[:2]) < 0.1


def test_pure_noise_is_no_more_important_than_its_permutations() -> None:
    passed = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        found = forest_shares(grid(), rng.normal(size=36), rng)
        assert found.r2 < 0.2
        passed += [a > b for a, b in zip(found.importance, found.null, strict=True)]
        assert max(found.importance) > 0.1  # which alone would look like an effect
    assert sum(passed) <= 2  # of 9, 5% each


def test_the_permutation_test_of_a_correlation() -> None:
    x = np.repeat(np.arange(4.0), 5)
    assert rank_correlation(x, x + RNG.normal(0, 0.1, 20))[3] == 1 / 2000
    p_values = [rank_correlation(x, RNG.normal(size=20))[3] for _ in range(60)]
    assert 0.3 < np.mean(p_values) < 0.7


def test_a_resample_is_ranked_as_if_written_out() -> None:
    x = np.array([1.0, 2, 2, 3, 5, 8, 8, 8, 9, 9])
    y = np.array([2.0, 1, 3, 3, 4, 9, 7, 7, 8, 6])
    drawn = np.random.default_rng(0).integers(10, size=(1000, 10))  # as the bootstrap draws
    rho = [spearmanr(x[rows], y[rows]).statistic for rows in drawn]
    assert rank_correlation(x, y)[1:3] == pytest.approx(np.nanquantile(rho, [0.025, 0.975]))


def test_few_configurations_have_no_importance() -> None:
    few = frames()
    runs = few.runs[few.runs["config_id"].isin([f"c{i}" for i in range(FEWEST - 1)])]
    table = effects(Frames(runs=runs, depth=few.depth, failures=few.failures))
    known = table[table["setting"] != INTERACTION]
    assert known.loc[known["metric"] == "nll", "rho"].notna().all()
    assert table[["low", "p", "p_holm", "importance", "null", "r2"]].isna().all(axis=None)
