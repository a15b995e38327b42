"""The delete-a-group jackknife: exact for means, and the right variance for the other metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stored_study import classifier, regressor

from bench.metrics.calibration import label_nll
from bench.metrics.predictive import Predictive
from bench.metrics.table import evaluate, keys_for
from bench.statistics.influence import N_GROUPS, groups_of, influences


def test_the_influence_on_a_mean_is_the_groups_deviation() -> None:
    split = classifier(np.random.default_rng(0), n_samples=130)
    groups_B = groups_of("digits", 130)
    found = influences(split, 1.5, groups_B)
    assert set(found) == set(keys_for("classification"))
    loss_B = label_nll(split.mixed_BC, split.y_B)
    sizes_G = np.bincount(groups_B)
    sums_G = np.bincount(groups_B, weights=loss_B - loss_B.mean())
    np.testing.assert_allclose(found["nll"], sums_G * N_GROUPS / 130, atol=1e-12)
    assert sizes_G.min() < sizes_G.max()
    for values_G in found.values():
        assert values_G.mean() == pytest.approx(0, abs=1e-12)


def test_only_what_is_asked_for_is_computed() -> None:
    split = regressor(np.random.default_rng(0))
    assert set(influences(split, None, groups_of("retina", 60), ["mse", "nll_ts"])) == {"mse"}


def test_an_infinite_loss_has_no_influences() -> None:
    rng = np.random.default_rng(0)
    split = classifier(rng, n_samples=60)
    mixed_BC = split.mixed_BC.copy()
    mixed_BC[0] = np.where(np.arange(3) == (split.y_B[0] + 1) % 3, 0, -np.inf)
    broken = Predictive(
        task="classification", mixed_BC=mixed_BC, members_BMC=split.members_BMC,
        weights_M=split.weights_M, y_B=split.y_B,
    )  # fmt: skip
    assert math.isinf(evaluate(broken, None)["nll"])
    assert np.isnan(influences(broken, None, groups_of("digits", 60), ["nll"])["nll"]).all()


@pytest.mark.parametrize(
    ("key", "most"), [("f1", 1.35), ("auroc", 1.35), ("nll", 1.35), ("ece", 1.8), ("cc_ece", 1.8)]
)
def test_the_variance_is_that_of_new_test_sets(key: str, most: float) -> None:
    """Of 150 test sets: the mean jackknife variance against the variance of the metric itself.

    It is too large where bins' absolute values are near 0, never too small.
    """
    values, variances = [], []
    for seed in range(150):
        split = classifier(np.random.default_rng(seed), n_samples=300)
        values.append(evaluate(split, None)[key])
        influence_G = influences(split, None, groups_of("digits", 300), [key])[key]
        variances.append(influence_G.var(ddof=1) / N_GROUPS)
    # The variance of 150 values has a standard error of 12%.
    assert 0.7 < np.mean(variances) / np.var(values, ddof=1) < most
