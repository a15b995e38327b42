import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import log_loss

from methods.core.likelihood import (
    LOG_VARIANCE_RANGE,
    Categorical,
    Gaussian,
    likelihood_for,
)

LOW, HIGH = LOG_VARIANCE_RANGE


def raw_log_variance(log_variance: float) -> float:
    """The raw output that the Gaussian bounds to ``log_variance``."""
    middle, half = (LOW + HIGH) / 2, (HIGH - LOW) / 2
    return half * math.atanh((log_variance - middle) / half)


def test_categorical_log_prob_is_sklearns_log_loss() -> None:
    logits_BC = np.random.default_rng(0).normal(size=(20, 4))
    y_B = np.arange(20) % 4
    probabilities_BC = np.exp(logits_BC) / np.exp(logits_BC).sum(1, keepdims=True)
    ours = Categorical(4).log_prob(torch.tensor(logits_BC), torch.tensor(y_B))
    assert -ours.mean().item() == pytest.approx(log_loss(y_B, probabilities_BC), rel=1e-12)


def test_categorical_log_prob_of_one_sample_by_hand() -> None:
    logits_C = torch.tensor([math.log(1.0), math.log(2.0), math.log(5.0)])
    y_X = torch.tensor([0, 1, 2])
    ours = Categorical(3).log_prob(logits_C.expand(3, 3), y_X)
    assert ours.tolist() == pytest.approx([math.log(1 / 8), math.log(2 / 8), math.log(5 / 8)])


def test_categorical_targets_broadcast_over_predictors() -> None:
    logits_BNDC = torch.randn(4, 2, 3, 5, generator=torch.Generator().manual_seed(1))
    y_BN = torch.tensor([[0, 4], [1, 3], [2, 2], [3, 1]])
    ours_BND = Categorical(5).log_prob(logits_BNDC, y_BN[..., None])
    assert ours_BND.shape == (4, 2, 3)
    for b, n, d in np.ndindex(4, 2, 3):
        expected = torch.log_softmax(logits_BNDC[b, n, d], -1)[y_BN[b, n]]
        torch.testing.assert_close(ours_BND[b, n, d], expected)


def test_gaussian_log_prob_is_scipys_including_the_constant() -> None:
    means, log_variances, y = [0.1, 0.5, -2.0], [-3.0, 0.0, 2.5], [0.3, 0.5, 1.0]
    raw = [raw_log_variance(value) for value in log_variances]
    outputs = torch.tensor([means, raw], dtype=torch.float64).T
    ours = Gaussian().log_prob(outputs, torch.tensor(y, dtype=torch.float64))
    expected = stats.norm.logpdf(y, means, np.exp(0.5 * np.array(log_variances)))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-10)


def test_gaussian_targets_broadcast_over_predictors() -> None:
    outputs_BNDC = torch.randn(4, 2, 3, 2, generator=torch.Generator().manual_seed(1))
    y_BN = torch.tensor([[0.0, 0.4], [0.1, 0.3], [0.2, 0.2], [0.3, 0.1]])
    ours_BND = Gaussian().log_prob(outputs_BNDC, y_BN[..., None])
    assert ours_BND.shape == (4, 2, 3)
    for b, n, d in np.ndindex(4, 2, 3):
        expected = Gaussian().log_prob(outputs_BNDC[b, n, d], y_BN[b, n])
        torch.testing.assert_close(ours_BND[b, n, d], expected)


@pytest.mark.parametrize("likelihood", [Categorical(2), Gaussian()], ids=lambda item: item.task)
def test_targets_that_do_not_broadcast_to_the_predictors_are_an_error(
    likelihood: Categorical | Gaussian,
) -> None:
    y_B = torch.tensor([0, 1, 0])
    with pytest.raises((ValueError, RuntimeError)):
        likelihood.log_prob(torch.zeros(3, 1, 2), y_B)  # y_B[:, None] was meant


def test_log_variance_is_bounded_smooth_and_monotone() -> None:
    raw = torch.linspace(-200, 200, 4001, dtype=torch.float64)
    outputs = torch.stack((torch.zeros_like(raw), raw), dim=-1)
    log_variance = Gaussian().members(outputs)[..., 1]
    assert log_variance.min().item() == pytest.approx(LOW)
    assert log_variance.max().item() == pytest.approx(HIGH)
    assert (log_variance.diff() >= 0).all()
    near = torch.tensor([[0.0, 0.0], [0.0, 1e-4]], dtype=torch.float64)
    at_zero = Gaussian().members(near)[:, 1]
    # The slope at 0 is 1: near the middle the raw output is the log-variance, shifted.
    assert at_zero[0].item() == pytest.approx((LOW + HIGH) / 2)
    assert at_zero.diff().item() == pytest.approx(1e-4, rel=1e-6)


def test_gaussian_stays_finite_for_an_absurd_prediction() -> None:
    outputs = torch.tensor([[1e4, -1e6], [-1e4, 1e6]], requires_grad=True)
    loss = -Gaussian().log_prob(outputs, torch.tensor([0.0, 1.0])).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert loss.isfinite()
    assert outputs.grad.isfinite().all()


def test_categorical_mix_averages_probabilities_not_logits() -> None:
    # Member 1 says (0.9, 0.1), member 2 (0.2, 0.8). Averaged probabilities: (0.55, 0.45); averaged
    # logits would be (log 4.5) / 2 apart: 0.6 for the first class.
    outputs_BMC = torch.tensor([[[0.9, 0.1], [0.2, 0.8]]], dtype=torch.float64).log()
    mixed_BC = Categorical(2).mix(outputs_BMC, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert mixed_BC.exp()[0].tolist() == pytest.approx([0.55, 0.45])


def test_categorical_mix_ignores_the_scale_of_unnormalised_members() -> None:
    # The same two members, shifted by 7 and -3: softmax does not see a shift, a mixture of
    # unnormalised exponentials would.
    outputs_BMC = torch.tensor([[[0.9, 0.1], [0.2, 0.8]]], dtype=torch.float64).log()
    outputs_BMC = outputs_BMC + torch.tensor([7.0, -3.0], dtype=torch.float64)[:, None]
    mixed_BC = Categorical(2).mix(outputs_BMC, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert mixed_BC.exp()[0].tolist() == pytest.approx([0.55, 0.45])


def test_categorical_mix_respects_weights() -> None:
    outputs_BMC = torch.tensor([[[0.9, 0.1], [0.2, 0.8]]], dtype=torch.float64).log()
    mix = Categorical(2).mix
    quarter = mix(outputs_BMC, torch.tensor([0.25, 0.75], dtype=torch.float64))
    assert quarter.exp()[0].tolist() == pytest.approx([0.375, 0.625])
    alone = mix(outputs_BMC, torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert alone.exp()[0].tolist() == pytest.approx([0.2, 0.8])


def test_categorical_mix_of_extreme_logits_by_hand() -> None:
    outputs_BMC = torch.tensor([[[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]])
    mixed_BC = Categorical(3).mix(outputs_BMC, torch.tensor([0.5, 0.5]))
    # Classes 0 and 1: log(1/2). Class 2: both members say -1e4.
    assert mixed_BC[0].tolist() == pytest.approx([math.log(0.5), math.log(0.5), -1e4])
    y_B = torch.tensor([1])
    assert Categorical(3).log_prob(outputs_BMC[:, 0], y_B).item() == pytest.approx(-2e4)


def test_members_are_each_predictors_own_distribution() -> None:
    outputs_BMC = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(2))
    members_BMC = Categorical(4).members(outputs_BMC)
    torch.testing.assert_close(members_BMC.exp().sum(-1), torch.ones(5, 3))
    torch.testing.assert_close(members_BMC, outputs_BMC.log_softmax(-1))


def test_gaussian_mix_is_the_law_of_total_variance_by_hand() -> None:
    # Means 0 and 1, variances e^-1 and e^1, weights 1/4 and 3/4:
    # mean 3/4; variance 1/4 e^-1 + 3/4 e + 1/4 (3/4)^2 + 3/4 (1/4)^2 = ... + 3/16.
    raw = [raw_log_variance(-1.0), raw_log_variance(1.0)]
    outputs_BMC = torch.tensor([[[0.0, raw[0]], [1.0, raw[1]]]], dtype=torch.float64)
    weights_M = torch.tensor([0.25, 0.75], dtype=torch.float64)
    mean, log_variance = Gaussian().mix(outputs_BMC, weights_M)[0].tolist()
    assert mean == pytest.approx(0.75)
    assert math.exp(log_variance) == pytest.approx(0.25 / math.e + 0.75 * math.e + 3 / 16)


def test_gaussian_mix_has_the_mean_and_variance_of_the_mixture_density() -> None:
    # Oracle: the mixture's own density, integrated numerically.
    means, log_variances = np.array([-0.5, 0.2, 1.5]), np.array([-2.0, 0.5, -1.0])
    weights = np.array([0.2, 0.5, 0.3])
    grid = np.linspace(-15, 15, 60_001)
    scales = np.exp(0.5 * log_variances)
    density = (weights * stats.norm.pdf(grid[:, None], means, scales)).sum(1)
    mean = np.trapezoid(density * grid, grid)
    variance = np.trapezoid(density * (grid - mean) ** 2, grid)
    raw = [raw_log_variance(value) for value in log_variances]
    outputs_BMC = torch.tensor(np.stack((means, raw), -1))[None]
    ours = Gaussian().mix(outputs_BMC, torch.tensor(weights))[0].tolist()
    assert ours == pytest.approx([mean, math.log(variance)], abs=1e-9)


def test_number_of_outputs() -> None:
    assert Categorical(7).n_outputs == 7
    assert Gaussian().n_outputs == 2


def test_likelihood_for_every_task() -> None:
    categorical = likelihood_for("classification", 5)
    assert isinstance(categorical, Categorical)
    assert categorical.n_outputs == 5
    assert isinstance(likelihood_for("regression", 0), Gaussian)


def test_unknown_task_names_it_and_the_choices() -> None:
    with pytest.raises(ValueError, match=r"'ranking'.*classification.*regression"):
        likelihood_for("ranking", 2)


def test_one_class_is_an_error_that_names_value_and_rule() -> None:
    with pytest.raises(ValueError, match=r"n_classes=1.*>= 2"):
        Categorical(1)
