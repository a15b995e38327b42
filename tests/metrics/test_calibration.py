"""Calibration errors: hand-computed numbers, torchmetrics, identities."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from predictives import HAND, of_gaussians, of_log_probabilities, of_probabilities, sharp_classifier
from scipy.special import ndtri
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from bench.metrics import adaptive_ece, calibration
from bench.metrics.predictive import Predictive

RNG = np.random.default_rng(0)
Metric = Callable[[Predictive], float]
ECE_FAMILY = [
    calibration.ece,
    adaptive_ece.adaptive_ece,
    calibration.cc_ece,
    calibration.classwise_ece,
]


def test_ece_by_hand() -> None:
    # Four bins of one sample: (.3 + .4 + .5 + .2) / 4
    assert calibration.ece(HAND) == pytest.approx(0.35)
    # .81 (right) and .85 (wrong) share the bin (12/15, 13/15]: |1 - 1.66| / 2
    shared = of_probabilities([[0.81, 0.19], [0.85, 0.15]], [0, 1])
    assert calibration.ece(shared) == pytest.approx(0.33)


def test_adaptive_ece_by_hand() -> None:
    # Fewer samples than bins: each has its own bin, also .81 and .85: (.19 + .85) / 2
    shared = of_probabilities([[0.81, 0.19], [0.85, 0.15]], [0, 1])
    assert adaptive_ece.adaptive_ece(shared) == pytest.approx(0.52)


def test_cc_ece_by_hand() -> None:
    # Predicted 0: .3. Predicted 1: (.4 + .5) / 2. Predicted 2: .2. Mean over three classes.
    assert calibration.cc_ece(HAND) == pytest.approx((0.3 + 0.45 + 0.2) / 3)
    # Class 2 is never predicted and does not count as perfectly calibrated: .3 and .45 only.
    without_last = of_probabilities(np.exp(HAND.mixed_BC[:3]), [0, 1, 2])
    assert calibration.cc_ece(without_last) == pytest.approx((0.3 + 0.45) / 2)


def test_classwise_ece_by_hand() -> None:
    # p_0 = .7+ .1 .2 .1: |.3| + |-.1 - .1| + |-.2| = .7      (+ marks the samples of the class)
    # p_1 = .2 .6+ .5 .1: .2 + .4 + .5 + .1 = 1.2
    # p_2 = .1 .3 .3+ .8+: .1 + |-.3 + .7| + .2 = .7
    assert calibration.classwise_ece(HAND) == pytest.approx((0.7 + 1.2 + 0.7) / 4 / 3)


def test_equal_width_bins_are_open_below_and_closed_above() -> None:
    edges = np.linspace(0, 1, 16, dtype=np.float64)
    np.testing.assert_array_equal(calibration.equal_width_bins(edges), [0, *range(15)])
    above = np.nextafter(edges[:-1], 1)
    np.testing.assert_array_equal(calibration.equal_width_bins(above), range(15))


def test_equal_mass_bins_split_evenly_and_keep_ties_together() -> None:
    distinct = RNG.permutation(np.linspace(0.1, 0.9, 45))
    bins = adaptive_ece.equal_mass_bins(distinct)
    np.testing.assert_array_equal(np.bincount(bins), np.full(15, 3))
    np.testing.assert_array_equal(np.sort(bins), bins[distinct.argsort()])
    uneven = np.bincount(adaptive_ece.equal_mass_bins(RNG.permutation(np.linspace(0, 1, 100))))
    assert set(uneven) == {6, 7}
    assert len(set(adaptive_ece.equal_mass_bins(np.full(40, 0.8)))) == 1


def test_ece_agrees_with_torchmetrics() -> None:
    predictive = sharp_classifier()
    p_BC, y_B = torch.from_numpy(np.exp(predictive.mixed_BC)), torch.from_numpy(predictive.y_B)
    oracle = multiclass_calibration_error(p_BC, y_B, num_classes=4, n_bins=15, norm="l1")
    assert calibration.ece(predictive) == pytest.approx(float(oracle), abs=1e-6)
    assert oracle > 0.05


def test_cc_ece_agrees_with_torchmetrics_per_predicted_class() -> None:
    predictive = sharp_classifier()
    p_BC, y_B = torch.from_numpy(np.exp(predictive.mixed_BC)), torch.from_numpy(predictive.y_B)
    oracles = [
        float(multiclass_calibration_error(p_BC[rows], y_B[rows], num_classes=4, n_bins=15))
        for rows in (p_BC.argmax(1) == label for label in range(4))
    ]
    assert calibration.cc_ece(predictive) == pytest.approx(np.mean(oracles), abs=1e-6)


def test_classwise_ece_agrees_with_torchmetrics_one_vs_rest() -> None:
    predictive = sharp_classifier()
    p_BC, y_B = torch.from_numpy(np.exp(predictive.mixed_BC)), torch.from_numpy(predictive.y_B)
    oracles = [
        float(binary_calibration_error(p_B, (y_B == label).int(), n_bins=15))
        for label, p_B in enumerate(p_BC.T.contiguous())
    ]
    assert calibration.classwise_ece(predictive) == pytest.approx(np.mean(oracles), abs=1e-6)


def test_adaptive_ece_agrees_with_an_explicit_split_of_the_sorted_samples() -> None:
    predictive = sharp_classifier(n_samples=150)
    order = predictive.mixed_BC.max(axis=1).argsort()
    confidence = np.exp(predictive.mixed_BC.max(axis=1))[order]
    correct = (predictive.mixed_BC.argmax(axis=1) == predictive.y_B)[order]
    gaps = np.abs(confidence.reshape(15, 10).mean(1) - correct.reshape(15, 10).mean(1))
    assert adaptive_ece.adaptive_ece(predictive) == pytest.approx(gaps.mean())


@pytest.mark.parametrize("metric", ECE_FAMILY)
def test_a_calibrated_constant_has_no_error(metric: Metric) -> None:
    # 80% confident and 80% right, whatever the order of the samples.
    for y_B in ([0] * 8 + [1] * 2, [0, 1] + [0] * 7 + [1]):
        assert metric(of_probabilities([[0.8, 0.2]] * 10, y_B)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", ECE_FAMILY)
def test_certainty_is_binned(metric: Metric) -> None:
    certain = [[1.0, 0.0], [0.0, 1.0]] * 2
    assert metric(of_probabilities(certain, [0, 1, 0, 1])) == 0
    assert metric(of_probabilities(certain, [1, 0, 1, 0])) == pytest.approx(1)


@pytest.mark.parametrize("metric", ECE_FAMILY)
def test_order_of_samples_does_not_matter(metric: Metric) -> None:
    predictive = sharp_classifier(n_samples=101)
    order = RNG.permutation(101)
    shuffled = of_log_probabilities(predictive.mixed_BC[order], predictive.y_B[order])
    assert metric(shuffled) == pytest.approx(metric(predictive), rel=1e-12)


def test_coverage_error_by_hand() -> None:
    # z = 0 and .6. The 40% and 50% intervals reach .524 and .674, so that the empirical coverage
    # is .5 up to 40% and 1 from 50% on: .4 + .3 + .2 + .1 and .5 + .4 + .3 + .2 + .1 over 9 levels.
    predictive = of_gaussians([1.0, 1.0], [4.0, 4.0], [1.0, 1.0 + 0.6 * 2])
    assert calibration.coverage_error(predictive) == pytest.approx(2.5 / 9)


def test_coverage_error_of_true_quantiles_is_zero_and_of_extremes_one_half() -> None:
    z_B = ndtri((np.arange(1000) + 0.5) / 1000)
    right = of_gaussians(np.full(1000, 3.0), np.full(1000, 0.25), 3 + 0.5 * z_B)
    assert calibration.coverage_error(right) == pytest.approx(0, abs=1e-9)
    too_wide = of_gaussians([0.0], [1.0], [0.0])
    too_narrow = of_gaussians([0.0], [1.0], [50.0])
    assert calibration.coverage_error(too_wide) == pytest.approx(0.5)
    assert calibration.coverage_error(too_narrow) == pytest.approx(0.5)
