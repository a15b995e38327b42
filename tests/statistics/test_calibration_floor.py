"""The floor and the debiased ECE: closed forms, simulated truth, the metric itself as an oracle."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from predictives import of_probabilities
from scipy.stats import binom, norm
from stored_study import classifier, regressor, save

from bench.metrics.calibration import ece
from bench.metrics.predictive import Predictive
from bench.records.frames import load_frames
from bench.statistics.calibration_floor import debiased_ece, ece_report, floor_draws
from bench.statistics.influence import generator


def constant(confidence: float, n_right: int, n_samples: int) -> Predictive:
    """Always the same confidence: one bin."""
    y_B = [0] * n_right + [1] * (n_samples - n_right)
    return of_probabilities([[confidence, 1 - confidence]] * n_samples, y_B)


def test_floor_of_one_bin_is_the_mean_deviation_of_a_binomial() -> None:
    n, p = 40, 0.8
    draws_R = floor_draws(constant(p, 3, n), np.random.default_rng(0), 20_000)
    hits = np.arange(n + 1)
    expected = (np.abs(hits / n - p) * binom.pmf(hits, n, p)).sum()
    assert draws_R.mean() == pytest.approx(expected, rel=0.02)
    # The labels themselves do not matter.
    same_R = floor_draws(constant(p, 40, n), np.random.default_rng(0), 50)
    np.testing.assert_array_equal(
        same_R, floor_draws(constant(p, 0, n), np.random.default_rng(0), 50)
    )


def test_a_floor_draw_is_the_ece_of_drawn_labels() -> None:
    rng = np.random.default_rng(0)
    p_B = rng.uniform(0.5, 1, size=70)
    p_BC = np.stack([p_B, 1 - p_B], axis=1)
    draws_R = floor_draws(of_probabilities(p_BC, [0] * 70), generator("labels", "x", 70), 9)
    uniform_RB = generator("labels", "x", 70).random((9, 70))
    expected = [ece(of_probabilities(p_BC, (u_B >= p_B).astype(int))) for u_B in uniform_RB]
    np.testing.assert_allclose(draws_R, expected, rtol=1e-12)


def test_certainty_has_no_floor() -> None:
    certain = of_probabilities([[1.0, 0.0]] * 5, [0, 1, 0, 0, 0])
    assert (floor_draws(certain, np.random.default_rng(0), 20) == 0).all()


def test_debiased_ece_by_hand() -> None:
    # One bin, 60 of 100 right at confidence .65: gap .05, deviation sqrt(.24 / 100).
    gap, deviation = 0.05, math.sqrt(0.6 * 0.4 / 100)
    z = gap / deviation
    mean = deviation * math.sqrt(2 / math.pi) * math.exp(-z * z / 2) + gap * (2 * norm.cdf(z) - 1)
    assert debiased_ece(constant(0.65, 60, 100)) == pytest.approx(2 * gap - mean, rel=1e-9)
    # As Kumar et al. compute it: by simulating the noise.
    noisy = np.abs(gap + deviation * np.random.default_rng(0).normal(size=200_000)).mean()
    assert debiased_ece(constant(0.65, 60, 100)) == pytest.approx(gap - (noisy - gap), abs=3e-4)


def test_a_bin_without_noise_is_left_as_it_is() -> None:
    assert debiased_ece(constant(0.7, 10, 10)) == pytest.approx(0.3)
    # Perfect agreement with noise: all of it is excess, and the value is below 0.
    assert debiased_ece(constant(0.5, 50, 100)) == pytest.approx(-0.05 * math.sqrt(2 / math.pi))


def test_debiasing_takes_the_excess_of_a_miscalibrated_model_away() -> None:
    rng = np.random.default_rng(0)

    def study(n_samples: int) -> Predictive:
        logit_B = rng.normal(0, 2, size=n_samples)
        p_B = 1 / (1 + np.exp(-2 * logit_B))
        y_B = (rng.random(n_samples) < 1 / (1 + np.exp(-logit_B))).astype(int)
        return of_probabilities(np.stack([1 - p_B, p_B], axis=1), y_B)

    truth = np.mean([ece(study(100_000)) for _ in range(4)])
    splits = [study(400) for _ in range(150)]
    excess = np.mean([ece(split) for split in splits]) - truth
    rest = np.mean([debiased_ece(split) for split in splits]) - truth
    assert excess > 0.008
    assert abs(rest) < 0.35 * excess


def test_report_of_a_study(tmp_path: Path) -> None:
    splits = [classifier(np.random.default_rng(seed), n_samples=200) for seed in range(2)]
    for seed, split in enumerate(splits):
        save(tmp_path, {"val": split, "test": split}, seed=seed)
    values = regressor(np.random.default_rng(9))
    save(tmp_path, {"val": values, "test": values}, dataset="retina", config_id="bbb")
    report = ece_report(load_frames(tmp_path), ["bbb", "aaa"])
    assert list(report["config_id"]) == ["aaa"]  # a regression has no ECE
    row = report.iloc[0]
    assert row["ece"] == pytest.approx(np.mean([ece(split) for split in splits]))
    assert row["low"] < row["ece"] < row["high"]
    assert row["debiased"] == pytest.approx(np.mean([debiased_ece(split) for split in splits]))
    draws = [floor_draws(split, generator("labels", "digits", 200)) for split in splits]
    assert row["floor"] == pytest.approx(np.mean(draws))
    assert row["floor_high"] == pytest.approx(np.quantile(np.mean(draws, axis=0), 0.975))
    assert (row["n_seeds"], row["expected_seeds"]) == (2, 2)
