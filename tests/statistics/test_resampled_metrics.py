"""Each metric on counts is the metric of the samples that the counts stand for: every table row."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from predictives import of_probabilities
from scipy.special import log_softmax, logsumexp
from stored_study import classifier, regressor

from bench.metrics.predictive import Predictive
from bench.metrics.table import METRICS, applications, evaluate, keys_for, lookup
from bench.metrics.weighted import Counted, blocks, group_sums, means
from bench.statistics.replicates import evaluate_resamples

TEMPERATURE = 1.7


def taken(predictive: Predictive, rows: npt.NDArray[np.int64]) -> Predictive:
    """The split that holds these samples, repeated ones as often as they are named."""
    return Predictive(
        task=predictive.task,
        mixed_BC=predictive.mixed_BC[rows],
        members_BMC=predictive.members_BMC[rows],
        weights_M=predictive.weights_M,
        y_B=predictive.y_B[rows],
    )


def counts_of(rows: npt.NDArray[np.int64], n_samples: int) -> npt.NDArray[np.int64]:
    return np.bincount(rows, minlength=n_samples)


def tied_classifier() -> Predictive:
    """Few distinct confidences, among them certain ones, and a class that never occurs."""
    rng = np.random.default_rng(3)
    levels = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.5, 0.3, 0], [0.25] * 4])
    p_BC = rng.permuted(levels[rng.integers(4, size=80)], axis=1)
    supported = [np.flatnonzero(p_C[:3] > 0) for p_C in p_BC]
    y_B = [int(rng.choice(labels)) if len(labels) else 0 for labels in supported]
    return of_probabilities(p_BC, y_B)


def idle_member() -> Predictive:
    """A member without weight."""
    rng = np.random.default_rng(4)
    log_p_BMC = log_softmax(rng.normal(size=(40, 3, 3)), axis=-1)
    weights_M = np.array([0.4, 0.0, 0.6])
    return Predictive(
        task="classification",
        mixed_BC=logsumexp(log_p_BMC, axis=1, b=weights_M[:, None]),
        members_BMC=log_p_BMC,
        weights_M=weights_M,
        y_B=rng.integers(3, size=40),
    )


PREDICTIVES = {
    "binary": classifier(np.random.default_rng(0), n_classes=2),
    "classes": classifier(np.random.default_rng(1), n_samples=97, n_classes=5, n_members=3),
    "tied": tied_classifier(),
    "idle": idle_member(),
    "values": regressor(np.random.default_rng(2)),
}
ROWS = [
    pytest.param(name, key, id=f"{name}-{key}")
    for name, predictive in PREDICTIVES.items()
    for key in keys_for(predictive.task)
]


def draws(n_samples: int) -> list[npt.NDArray[np.int64]]:
    """Plain resamples, and odd ones: few samples, many times one sample, fewer than there are."""
    rng = np.random.default_rng(5)
    plain = [rng.integers(n_samples, size=n_samples) for _ in range(6)]
    few = rng.integers(3, size=n_samples) + 7
    return [*plain, few, np.array([11] * n_samples), np.arange(20), rng.integers(n_samples, size=5)]


@pytest.mark.parametrize(("name", "key"), ROWS)
def test_counts_stand_for_the_samples_that_they_count(name: str, key: str) -> None:
    predictive = PREDICTIVES[name]
    n_samples = len(predictive.y_B)
    counts_RB = np.stack([counts_of(rows, n_samples) for rows in draws(n_samples)])
    found_R = evaluate_resamples(predictive, TEMPERATURE, counts_RB, [key])[key]
    # One sample or more of a single class have no AUROC, in both ways.
    with np.errstate(invalid="ignore"):
        expected = [
            evaluate(taken(predictive, rows), TEMPERATURE)[key] for rows in draws(n_samples)
        ]
    np.testing.assert_allclose(found_R, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", PREDICTIVES)
def test_all_counts_one_are_the_split(name: str) -> None:
    predictive = PREDICTIVES[name]
    ones_RB = np.ones((3, len(predictive.y_B)), dtype=np.uint16)
    found = evaluate_resamples(predictive, TEMPERATURE, ones_RB)
    expected = evaluate(predictive, TEMPERATURE)
    assert list(found) == list(expected) == [key for key, *_ in applications(predictive, 2.0)]
    for key, values_R in found.items():
        np.testing.assert_allclose(values_R, expected[key], rtol=1e-12, atol=1e-15)


def test_resamples_do_depend_on_the_counts() -> None:
    for name in ("binary", "classes", "values"):
        predictive = PREDICTIVES[name]
        n_samples = len(predictive.y_B)
        counts_RB = np.stack([counts_of(rows, n_samples) for rows in draws(n_samples)[:6]])
        for key, values_R in evaluate_resamples(predictive, TEMPERATURE, counts_RB).items():
            assert len(set(values_R.tolist())) > 1, key


def test_an_impossible_label_is_infinite_in_the_resamples_that_hold_it() -> None:
    predictive = of_probabilities([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]], [1, 0, 1])
    counts_RB = np.array([[0, 2, 1], [1, 1, 1]])
    found_R = evaluate_resamples(predictive, None, counts_RB, ["nll"])["nll"]
    assert found_R[0] == pytest.approx(math.log(2))
    assert found_R[1] == math.inf


def test_auroc_of_a_single_class_is_undefined_in_that_resample_alone() -> None:
    predictive = of_probabilities([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    found_R = lookup("classification", "auroc").compute.resampled(
        predictive, np.array([[2, 0], [1, 1]])
    )
    assert math.isnan(found_R[0])
    assert found_R[1] == 1


def test_values_of_good_and_bad_predictions_are_within_the_bounds() -> None:
    certain = of_probabilities([[1.0, 0.0], [0.0, 1.0]] * 8, [1, 0] * 8)
    for predictive in (*PREDICTIVES.values(), certain):
        values = evaluate(predictive, TEMPERATURE)
        for key, metric in keys_for(predictive.task).items():
            low, high = metric.compute.bounds
            assert math.isnan(values[key]) or low <= values[key] <= high + 1e-12, key
    assert evaluate(certain, None)["brier"] == 2  # the bound is reached


def test_blocks_do_not_change_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    predictive = PREDICTIVES["classes"]
    n_samples = len(predictive.y_B)
    counts_RB = np.stack([counts_of(rows, n_samples) for rows in draws(n_samples)])
    whole = evaluate_resamples(predictive, TEMPERATURE, counts_RB)
    monkeypatch.setattr("bench.metrics.weighted._BLOCK", 3 * n_samples)
    assert [len(block) for block in blocks(counts_RB)] == [3, 3, 3, 1]
    for key, values_R in evaluate_resamples(predictive, TEMPERATURE, counts_RB).items():
        np.testing.assert_allclose(values_R, whole[key], rtol=1e-12, atol=1e-15)


def test_group_sums_by_hand() -> None:
    counts_RB = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])
    groups_BJ = np.array([[0, 2], [2, 1], [0, 1]])
    values_BJ = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    expected = np.array([[7.0, 60.0, 10.0, 0.0], [3.0, 90.0, 6.0, 0.0]])
    np.testing.assert_array_equal(group_sums(counts_RB, groups_BJ, 4, values_BJ), expected)
    np.testing.assert_array_equal(group_sums(counts_RB[:1], groups_BJ, 4, values_BJ), expected[:1])
    np.testing.assert_array_equal(group_sums(counts_RB, groups_BJ, 3)[0], [3, 2, 1])


def test_means_by_hand() -> None:
    counts_RB = np.array([[1.0, 3.0, 0.0], [0.0, 1.0, 1.0]])
    np.testing.assert_array_equal(means(counts_RB, np.array([2.0, 6.0, math.inf])), [5, math.inf])


def test_counts_of_another_split_are_refused() -> None:
    metric = METRICS["classification", "nll"].compute
    assert isinstance(metric, Counted)
    for shape in ((2, 59), (60,)):
        with pytest.raises(ValueError, match=r"for 60 samples it must be \(R, 60\)"):
            metric.resampled(PREDICTIVES["binary"], np.ones(shape))
    assert metric.resampled(PREDICTIVES["binary"], np.ones((0, 60))).shape == (0,)


def test_a_metric_keeps_its_name_and_text() -> None:
    metric = METRICS["classification", "ece"].compute
    assert metric.__name__ == "ece"  # type: ignore[attr-defined]
    assert "Guo et al." in (metric.__doc__ or "")


@pytest.mark.parametrize("key", sorted(keys_for("classification")))
def test_counts_of_any_size_are_counted(key: str) -> None:
    """More samples in all than 32 bits hold: sums of narrow numbers must not wrap around."""
    split = tied_classifier()
    counts_RB = np.random.default_rng(5).integers(0, 3, (4, len(split.y_B)))
    many = counts_RB * 10**8
    assert many.sum() > 2**32
    scores = [
        evaluate_resamples(split, TEMPERATURE, each, [key])[key] for each in (counts_RB, many)
    ]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-12)
