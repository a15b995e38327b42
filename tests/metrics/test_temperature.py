"""Temperature scaling: known temperatures, optimality conditions, hand-computed numbers."""

import math

import numpy as np
import pytest
from predictives import HAND, of_gaussians, of_log_probabilities, of_probabilities, sharp_classifier
from scipy.special import log_softmax, softmax

from bench.metrics import scores
from bench.metrics.calibration import LOG_TEMPERATURE_RANGE, at_temperature, fit_temperature

RNG = np.random.default_rng(0)


def test_known_temperature_is_recovered() -> None:
    logits_BC = RNG.normal(size=(20_000, 5), scale=2)
    y_B = (logits_BC + RNG.gumbel(size=logits_BC.shape)).argmax(axis=1)
    calibrated = fit_temperature(of_log_probabilities(log_softmax(logits_BC, axis=1), y_B))
    tripled = fit_temperature(of_log_probabilities(log_softmax(3 * logits_BC, axis=1), y_B))
    assert calibrated == pytest.approx(1, abs=0.03)
    assert tripled == pytest.approx(3 * calibrated, rel=1e-4)


def test_fitted_temperature_is_a_stationary_point() -> None:
    # d NLL / d (1/T) = 0: the mean logit of the label equals the mean expected logit.
    predictive = sharp_classifier()
    z_BC = predictive.mixed_BC
    p_BC = softmax(z_BC / fit_temperature(predictive), axis=1)
    of_label = z_BC[np.arange(len(z_BC)), predictive.y_B.astype(int)].mean()
    assert (p_BC * z_BC).sum(axis=1).mean() == pytest.approx(of_label, abs=1e-5)


def test_scaled_mixture_by_hand() -> None:
    # softmax(log p / T) is proportional to p^(1/T): .8^2 : .2^2 = 16 : 1 and sqrt(.8 : .2) = 2 : 1
    predictive = of_probabilities([[0.8, 0.2]], [0])
    sharp = at_temperature(predictive, 0.5)
    np.testing.assert_allclose(np.exp(sharp.mixed_BC), [[16 / 17, 1 / 17]])
    np.testing.assert_allclose(np.exp(at_temperature(predictive, 2).mixed_BC), [[2 / 3, 1 / 3]])
    np.testing.assert_array_equal(sharp.members_BMC, predictive.members_BMC)


@pytest.mark.parametrize("seed", range(5))
def test_scaling_never_raises_the_nll_nor_changes_the_decision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_p_BC = log_softmax(rng.normal(size=(40, 3), scale=10 ** rng.uniform(-2, 2)), axis=1)
    predictive = of_log_probabilities(log_p_BC, rng.integers(3, size=40))
    scaled = at_temperature(predictive, fit_temperature(predictive))
    assert scores.nll(scaled) <= scores.nll(predictive)
    assert scores.accuracy(scaled) == scores.accuracy(predictive)


def test_optimum_beyond_the_range_gives_its_bound() -> None:
    low, high = (math.exp(bound) for bound in LOG_TEMPERATURE_RANGE)
    never_wrong = of_probabilities([[0.6, 0.4], [0.3, 0.7]], [0, 1])
    always_wrong = of_probabilities([[0.6, 0.4], [0.3, 0.7]], [1, 0])
    # The NLL of the first is 0 to machine precision well before the bound is reached.
    assert low <= fit_temperature(never_wrong) < 0.05
    assert fit_temperature(always_wrong) == pytest.approx(high, rel=1e-3)


def test_temperature_is_one_where_none_helps() -> None:
    uniform = of_probabilities([[0.5, 0.5]] * 3, [0, 1, 1])
    impossible_label = of_probabilities([[1.0, 0.0], [0.4, 0.6]], [1, 1])
    assert fit_temperature(uniform) == 1
    assert fit_temperature(impossible_label) == 1


def test_impossible_classes_stay_impossible() -> None:
    predictive = of_probabilities([[0.9, 0.1, 0.0], [0.0, 0.7, 0.3], [0.8, 0.2, 0.0]], [0, 1, 1])
    temperature = fit_temperature(predictive)
    scaled = at_temperature(predictive, temperature)
    assert math.isfinite(scores.nll(scaled))
    np.testing.assert_array_equal(np.isneginf(scaled.mixed_BC), np.isneginf(predictive.mixed_BC))


def test_variance_scale_by_hand() -> None:
    # Squared residuals 1 and 9 over variances 4 and 3: (.25 + 3) / 2
    predictive = of_gaussians([0.0, 1.0], [4.0, 3.0], [1.0, 4.0])
    temperature = fit_temperature(predictive)
    assert temperature == pytest.approx(1.625)
    scaled = at_temperature(predictive, temperature)
    np.testing.assert_allclose(np.exp(scaled.mixed_BC[:, 1]), [4 * 1.625, 3 * 1.625])
    np.testing.assert_array_equal(scaled.mixed_BC[:, 0], [0, 1])
    np.testing.assert_array_equal(scaled.members_BMC, predictive.members_BMC)


def test_variance_scale_minimises_the_nll() -> None:
    predictive = of_gaussians(RNG.normal(size=50), RNG.uniform(0.1, 2, 50), RNG.normal(size=50))
    best = fit_temperature(predictive)
    at_best = scores.gaussian_nll(at_temperature(predictive, best))
    for other in (1.0, 0.99 * best, 1.01 * best):
        assert at_best < scores.gaussian_nll(at_temperature(predictive, other))


def test_no_residual_has_no_variance_scale() -> None:
    with pytest.raises(ValueError, match="every predicted mean equals its target"):
        fit_temperature(of_gaussians([1.0], [1.0], [1.0]))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_bad_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="must be positive and finite"):
        at_temperature(HAND, temperature)
