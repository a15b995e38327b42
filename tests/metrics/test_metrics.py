"""The metric table: names, labels, directions, and what evaluate reports."""

import math
import re

import pytest
from predictives import mixed_regressor, of_probabilities, sharp_classifier

from bench.metrics import scores
from bench.metrics.table import (
    METRICS,
    TASKS,
    at_temperature,
    direction_of,
    evaluate,
    fit_temperature,
    keys_for,
    label_of,
    lookup,
    metrics_for,
)


def test_evaluate_reports_all_metrics_and_their_scaled_twins() -> None:
    predictive = sharp_classifier()
    temperature = fit_temperature(predictive)
    plain, both = evaluate(predictive, None), evaluate(predictive, temperature)
    assert list(plain) == [metric.name for metric in metrics_for("classification")]
    twins = {
        "nll_ts",
        "brier_ts",
        "ece_ts",
        "cc_ece_ts",
        "cc_ece_all_ts",
        "classwise_ece_ts",
        "adaptive_ece_ts",
    }
    assert set(both) - set(plain) == twins
    assert {key: both[key] for key in plain} == plain
    scaled = at_temperature(predictive, temperature)
    assert both["brier_ts"] == scores.brier(scaled) < plain["brier"]
    assert both["ece_ts"] < plain["ece"]  # the predictions are twice too sharp


def test_evaluate_regression() -> None:
    predictive = mixed_regressor()
    values = evaluate(predictive, 2.0)
    assert set(values) == set(keys_for("regression"))
    assert set(values) - set(evaluate(predictive, None)) == {"nll_ts", "coverage_error_ts"}
    # Doubling the variance adds log(2) / 2 and halves the quadratic term.
    log_variance_B = predictive.mixed_BC[:, 1]
    quadratic = values["nll"] - 0.5 * (math.log(2 * math.pi) + log_variance_B.mean())
    assert values["nll_ts"] == pytest.approx(values["nll"] + math.log(2) / 2 - quadratic / 2)


def test_both_tasks_have_an_nll() -> None:
    assert lookup("classification", "nll") is METRICS["classification", "nll"]
    assert lookup("classification", "nll").compute is scores.nll
    assert lookup("regression", "nll").compute is scores.gaussian_nll
    assert {metric.task for metric in METRICS.values()} == set(TASKS)


@pytest.mark.parametrize(
    ("task", "key", "label", "direction"),
    [
        ("classification", "accuracy", "Accuracy", "higher"),
        ("classification", "ece", "ECE", "lower"),
        ("classification", "ece_ts", "ECE (temperature-scaled)", "lower"),
        ("classification", "nll_ts", "NLL (nats, temperature-scaled)", "lower"),
        ("regression", "nll", "NLL (nats)", "lower"),
        ("regression", "coverage_error_ts", "Coverage error (temperature-scaled)", "lower"),
    ],
)
def test_labels_and_directions(task: str, key: str, label: str, direction: str) -> None:
    assert label_of(task, key) == label
    assert direction_of(task, key) == direction


def test_directions_hold_for_better_predictions() -> None:
    good = of_probabilities([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]], [0, 1, 0])
    bad = of_probabilities([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [0, 1, 0])
    for metric in metrics_for("classification"):
        if metric.kind != "diversity":
            gain = metric.compute(good) - metric.compute(bad)
            assert gain > 0 if metric.direction == "higher" else gain < 0, metric.name


def test_labels_are_unique_within_a_task() -> None:
    for task in TASKS:
        labels = [label_of(task, key) for key in keys_for(task)]
        assert len(set(labels)) == len(labels)


def test_unknown_names_are_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match=re.escape("task is 'ranking'; choose one of")):
        metrics_for("ranking")
    with pytest.raises(ValueError, match=r"metric is 'mse'; .* choose one of accuracy, f1, auroc"):
        lookup("classification", "mse")
    for refused in (label_of, direction_of):
        with pytest.raises(
            ValueError, match=r"metric key is 'mse_ts'; .* one of mse, mae, nll, nll"
        ):
            refused("regression", "mse_ts")


def test_certain_predictions_are_evaluated() -> None:
    for y_B in ([0, 2], [2, 0], [1, 1]):
        predictive = of_probabilities([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], y_B)
        values = evaluate(predictive, fit_temperature(predictive))
        assert set(values) == set(keys_for("classification"))
        assert {key for key, value in values.items() if math.isnan(value)} <= {"auroc"}
