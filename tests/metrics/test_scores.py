"""Scores: hand-computed numbers, sklearn, torchmetrics, scipy and torch.distributions."""

import math

import numpy as np
import pytest
import torch
from predictives import HAND, mixed_regressor, of_gaussians, of_probabilities, sharp_classifier
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torchmetrics.functional import mean_absolute_error, mean_squared_error
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_auroc,
    multiclass_f1_score,
)

from bench.metrics import scores
from bench.metrics.predictive import Predictive

RNG = np.random.default_rng(0)


def tensors(predictive: Predictive) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.exp(predictive.mixed_BC)), torch.from_numpy(predictive.y_B)


def test_classification_scores_by_hand() -> None:
    assert scores.accuracy(HAND) == 0.75
    # Class 0: 1. Class 1: one hit, one false alarm, 2/3. Class 2: one hit, one miss, 2/3.
    assert scores.macro_f1(HAND) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # Classes 0 and 1 are ranked perfectly; class 2: .3 and .8 against .1 and .3 wins 3.5 of 4.
    assert scores.auroc(HAND) == pytest.approx((1 + 1 + 3.5 / 4) / 3)
    assert scores.nll(HAND) == pytest.approx(-math.log(0.7 * 0.6 * 0.3 * 0.8) / 4)
    # Rows: .09 + .04 + .01, .01 + .16 + .09, .04 + .25 + .49, .01 + .01 + .04
    assert scores.brier(HAND) == pytest.approx((0.14 + 0.26 + 0.78 + 0.06) / 4)


def test_classification_scores_agree_with_torchmetrics() -> None:
    predictive = sharp_classifier()
    p_BC, y_B = tensors(predictive)
    accuracy = multiclass_accuracy(p_BC, y_B, num_classes=4, average="micro")
    f1 = multiclass_f1_score(p_BC, y_B, num_classes=4, average="macro")
    auroc = multiclass_auroc(p_BC, y_B, num_classes=4, average="macro")
    assert scores.accuracy(predictive) == pytest.approx(float(accuracy), abs=1e-6)
    assert scores.macro_f1(predictive) == pytest.approx(float(f1), abs=1e-6)
    assert scores.auroc(predictive) == pytest.approx(float(auroc), abs=1e-6)


def test_classification_scores_agree_with_sklearn() -> None:
    predictive = sharp_classifier()
    p_BC = np.exp(predictive.mixed_BC)
    assert scores.nll(predictive) == pytest.approx(log_loss(predictive.y_B, p_BC))
    auroc = roc_auc_score(predictive.y_B, p_BC, multi_class="ovr", average="macro")
    assert scores.auroc(predictive) == pytest.approx(auroc)


def test_binary_scores_agree_with_sklearn() -> None:
    predictive = sharp_classifier(n_classes=2)
    p_B = np.exp(predictive.mixed_BC[:, 1])
    assert scores.auroc(predictive) == pytest.approx(roc_auc_score(predictive.y_B, p_B))
    # The sum over both classes counts the same error twice.
    assert scores.brier(predictive) == pytest.approx(2 * brier_score_loss(predictive.y_B, p_B))


def test_auroc_counts_ties_as_one_half() -> None:
    p_B = RNG.integers(1, 5, size=60) / 5
    predictive = of_probabilities(np.stack([1 - p_B, p_B], axis=1), RNG.integers(2, size=60))
    assert scores.auroc(predictive) == pytest.approx(roc_auc_score(predictive.y_B, p_B))


def test_f1_leaves_out_classes_neither_predicted_nor_occurring() -> None:
    p_BC = np.exp(HAND.mixed_BC)
    padded = of_probabilities(np.concatenate([p_BC, np.zeros((4, 2))], axis=1), HAND.y_B)
    assert scores.macro_f1(padded) == pytest.approx(7 / 9)
    # A class that occurs but is never predicted counts, as 0: classes 0 (1 hit, 1 false alarm), 2.
    missed = of_probabilities([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1]], [0, 2])
    assert scores.macro_f1(missed) == pytest.approx((2 / 3 + 0) / 2)


def test_auroc_of_absent_classes() -> None:
    for label in (0, 1):
        binary = of_probabilities([[0.4, 0.6], [0.7, 0.3]], [label, label])
        assert math.isnan(scores.auroc(binary))
    assert math.isnan(scores.auroc(of_probabilities([[0.4, 0.3, 0.3]], [1])))
    # Class 1 never occurs: the mean is over classes 0 (ranked right) and 2 (ranked wrong).
    p_BC = [[0.5, 0.1, 0.4], [0.3, 0.4, 0.3]]
    assert scores.auroc(of_probabilities(p_BC, [0, 2])) == pytest.approx((1 + 0) / 2)


def test_certain_predictions() -> None:
    right = of_probabilities([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0, 2])
    wrong = of_probabilities([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [2, 0])
    assert (scores.nll(right), scores.brier(right), scores.auroc(right)) == (0, 0, 1)
    assert (scores.nll(wrong), scores.brier(wrong), scores.auroc(wrong)) == (math.inf, 2, 0)


def test_regression_scores_by_hand() -> None:
    # Errors 1 and -3; variances 1 and 4.
    predictive = of_gaussians([0.0, 2.0], [1.0, 4.0], [1.0, -1.0])
    assert scores.mse(predictive) == 5
    assert scores.mae(predictive) == 2
    # log(2 pi) / 2 + (log 1 + 1 + log 4 + 9/4) / 4
    expected = 0.5 * math.log(2 * math.pi) + (1 + math.log(4) + 2.25) / 4
    assert scores.gaussian_nll(predictive) == pytest.approx(expected)
    assert scores.mixture_nll(predictive) == pytest.approx(expected)


def test_mixture_nll_by_hand() -> None:
    # Half N(0, 1), half N(2, 1), seen at 1: both have the density of a standard normal at 1. The
    # moment-matched Gaussian is N(1, 2).
    predictive = Predictive(
        task="regression",
        mixed_BC=np.array([[1.0, math.log(2)]]),
        members_BMC=np.array([[[0.0, 0.0], [2.0, 0.0]]]),
        weights_M=np.array([0.5, 0.5]),
        y_B=np.array([1.0]),
    )
    constant = 0.5 * math.log(2 * math.pi)
    assert scores.mixture_nll(predictive) == pytest.approx(constant + 0.5)
    assert scores.gaussian_nll(predictive) == pytest.approx(constant + 0.5 * math.log(2))


def test_regression_scores_agree_with_torchmetrics_and_scipy() -> None:
    predictive = mixed_regressor()
    mean_B, log_variance_B = predictive.mixed_BC.T.copy()
    mean, y = torch.from_numpy(mean_B), torch.from_numpy(predictive.y_B)
    assert scores.mse(predictive) == pytest.approx(float(mean_squared_error(mean, y)))
    assert scores.mae(predictive) == pytest.approx(float(mean_absolute_error(mean, y)))
    log_density_B = norm.logpdf(predictive.y_B, loc=mean_B, scale=np.exp(log_variance_B / 2))
    assert scores.gaussian_nll(predictive) == pytest.approx(-log_density_B.mean())


def test_mixture_nll_agrees_with_torch_distributions() -> None:
    predictive = mixed_regressor()
    mean_BM, log_variance_BM = torch.from_numpy(predictive.members_BMC).unbind(-1)
    mixture = MixtureSameFamily(
        Categorical(torch.from_numpy(predictive.weights_M).expand(30, 3)),
        Normal(mean_BM, torch.exp(log_variance_BM / 2)),
    )
    log_density_B: torch.Tensor = mixture.log_prob(torch.from_numpy(predictive.y_B))  # type: ignore[no-untyped-call]
    oracle = -log_density_B.mean()
    assert scores.mixture_nll(predictive) == pytest.approx(float(oracle))


def test_mixture_nll_far_from_all_members_does_not_overflow() -> None:
    # Every density underflows to 0; the nearer member decides: z = 100, weight 1/2.
    predictive = Predictive(
        task="regression",
        mixed_BC=np.array([[0.0, 0.0]]),
        members_BMC=np.array([[[0.0, 0.0], [-100.0, 0.0]]]),
        weights_M=np.array([0.5, 0.5]),
        y_B=np.array([100.0]),
    )
    expected = 0.5 * math.log(2 * math.pi) + 100**2 / 2 + math.log(2)
    assert scores.mixture_nll(predictive) == pytest.approx(expected)
