"""Member diversity: hand-computed numbers, scipy and identities."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import entropy

from bench.metrics import diversity
from bench.metrics.predictive import Predictive

RNG = np.random.default_rng(0)


def classifier(p_BMC: npt.ArrayLike, weights_M: npt.ArrayLike) -> Predictive:
    members, weights = np.asarray(p_BMC, dtype=float), np.asarray(weights_M, dtype=float)
    with np.errstate(divide="ignore"):
        return Predictive(
            task="classification",
            mixed_BC=np.log(np.einsum("bmc,m->bc", members, weights)),
            members_BMC=np.log(members),
            weights_M=weights,
            y_B=np.zeros(len(members), dtype=int),
        )


def regressor(mean_BM: npt.ArrayLike, weights_M: npt.ArrayLike) -> Predictive:
    mean, weights = np.asarray(mean_BM, dtype=float), np.asarray(weights_M, dtype=float)
    return Predictive(
        task="regression",
        mixed_BC=np.stack([mean @ weights, np.zeros(len(mean))], axis=1),
        members_BMC=np.stack([mean, np.zeros_like(mean)], axis=2),
        weights_M=weights,
        y_B=np.zeros(len(mean)),
    )


def test_disagreement_by_hand() -> None:
    zero, one = [0.9, 0.1], [0.2, 0.8]
    predictive = classifier([[zero, zero, one], [zero, one, one]], [0.5, 0.3, 0.2])
    # Pairs weigh .15 (12), .10 (13), .06 (23). Sample 1: 13 and 23 differ; sample 2: 12 and 13.
    expected = ((0.10 + 0.06) + (0.15 + 0.10)) / 2 / (0.15 + 0.10 + 0.06)
    assert diversity.disagreement(predictive) == pytest.approx(expected)


def test_disagreement_of_equal_members_is_the_plain_share_of_pairs() -> None:
    zero, one = [0.9, 0.1], [0.2, 0.8]
    # Two members that always differ: all pairs; one odd member out of three: two pairs of three.
    assert diversity.disagreement(classifier([[zero, one]] * 4, [0.3, 0.7])) == pytest.approx(1)
    odd_one = classifier([[zero, zero, one]], np.full(3, 1 / 3))
    assert diversity.disagreement(odd_one) == pytest.approx(2 / 3)


def test_mutual_information_of_certain_members_is_the_entropy_of_the_weights() -> None:
    # Members that are certain of different classes: H(mixture) = H(.25, .75), H(members) = 0.
    predictive = classifier([[[1.0, 0.0], [0.0, 1.0]]], [0.25, 0.75])
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert diversity.mutual_information(predictive) == pytest.approx(expected)


def test_mutual_information_is_the_difference_of_entropies() -> None:
    p_BMC = RNG.dirichlet(np.full(5, 0.3), size=(20, 4))
    weights_M = np.array([0.4, 0.3, 0.2, 0.1])
    mixture = entropy(np.einsum("bmc,m->bc", p_BMC, weights_M), axis=1)
    members = np.einsum("bm,m->b", entropy(p_BMC, axis=2), weights_M)
    measured = diversity.mutual_information(classifier(p_BMC, weights_M))
    assert measured == pytest.approx(float((mixture - members).mean()), rel=1e-10)
    assert 0 < measured < math.log(4)


def test_member_variance_by_hand() -> None:
    # Sample 1: mean 2.5, .25 * 1.5^2 + .75 * .5^2 = .75. Sample 2: no variance.
    predictive = regressor([[1.0, 3.0], [2.0, 2.0]], [0.25, 0.75])
    assert diversity.member_variance(predictive) == pytest.approx(0.75 / 2)


@pytest.mark.parametrize("metric", [diversity.disagreement, diversity.mutual_information])
def test_no_diversity_without_different_members(metric: Callable[[Predictive], float]) -> None:
    p_BC = RNG.dirichlet(np.ones(3), size=10)
    assert metric(classifier(p_BC[:, None], [1.0])) == pytest.approx(0, abs=1e-12)
    same = classifier(np.stack([p_BC, p_BC], axis=1), [0.4, 0.6])
    assert metric(same) == pytest.approx(0, abs=1e-12)
    assert metric(same) >= 0


@pytest.mark.parametrize("metric", [diversity.disagreement, diversity.mutual_information])
def test_a_member_without_weight_does_not_count(metric: Callable[[Predictive], float]) -> None:
    p_BMC = RNG.dirichlet(np.ones(3), size=(10, 3))
    p_BMC[:, 2] = [0.0, 0.0, 1.0]
    with_idle = metric(classifier(p_BMC, [0.4, 0.6, 0.0]))
    assert with_idle == pytest.approx(metric(classifier(p_BMC[:, :2], [0.4, 0.6])))
    # ... even where it alone calls a class possible.
    p_BMC[:, :2] = [0.5, 0.5, 0.0]
    assert metric(classifier(p_BMC, [0.4, 0.6, 0.0])) == pytest.approx(0, abs=1e-12)


def test_member_variance_of_one_member_is_zero() -> None:
    assert diversity.member_variance(regressor([[1.0], [5.0]], [1.0])) == 0


def test_member_variance_completes_the_law_of_total_variance() -> None:
    mean_BM, weights_M = RNG.normal(size=(7, 3)), np.array([0.2, 0.3, 0.5])
    draws = np.repeat(mean_BM, [2, 3, 5], axis=1)  # weights as multiplicities
    measured = diversity.member_variance(regressor(mean_BM, weights_M))
    assert measured == pytest.approx(draws.var(axis=1).mean())
