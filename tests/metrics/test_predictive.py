"""What a Predictive accepts, normalises and refuses."""

import re
from typing import Any

import numpy as np
import pytest

from bench.metrics.predictive import Predictive

HALF = np.log([[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]])


def arguments(**changes: Any) -> dict[str, Any]:
    valid = {
        "task": "classification",
        "mixed_BC": HALF,
        "members_BMC": np.stack([HALF, HALF], axis=1),
        "weights_M": np.array([0.25, 0.75]),
        "y_B": np.array([0, 1, 1]),
    }
    return valid | changes


def regression(**changes: Any) -> dict[str, Any]:
    return arguments(task="regression", y_B=np.array([0.0, 0.5, 1.0])) | changes


def with_entry(array: np.ndarray[Any, Any], index: Any, value: float) -> np.ndarray[Any, Any]:
    changed = array.copy()
    changed[index] = value
    return changed


def test_float32_input_is_computed_in_float64_with_exact_weights() -> None:
    predictive = Predictive(
        **arguments(
            mixed_BC=HALF.astype(np.float32),
            members_BMC=np.repeat(HALF.astype(np.float32)[:, None], 3, axis=1),
            weights_M=np.full(3, 0.33333, dtype=np.float32),
            y_B=np.array([0, 1, 1], dtype=np.uint8),
        )
    )
    assert predictive.mixed_BC.dtype == predictive.members_BMC.dtype == np.float64
    assert predictive.y_B.dtype == np.int64
    np.testing.assert_allclose(predictive.weights_M, 1 / 3, rtol=1e-7)


def test_impossible_classes_are_accepted() -> None:
    one_hot = np.array([[0.0, -np.inf]] * 3)
    Predictive(**arguments(mixed_BC=one_hot, members_BMC=np.stack([one_hot, HALF], axis=1)))


def test_integer_regression_targets_become_floats() -> None:
    assert Predictive(**regression(y_B=np.array([0, 1, 4]))).y_B.dtype == np.float64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "ranking"}, "task is 'ranking'; choose one of classification, regression"),
        ({"mixed_BC": HALF[0]}, "mixed_BC has shape (2,); it must be (B, C)"),
        ({"mixed_BC": HALF[:0]}, "mixed_BC has shape (0, 2); it must be (B, C) with B and C"),
        ({"weights_M": np.array(1.0)}, "weights_M has shape (); it must be (M,)"),
        ({"members_BMC": HALF[:, None]}, "members_BMC has shape (3, 1, 2); with mixed_BC (3, 2)"),
        ({"y_B": np.array([[0], [1], [1]])}, "y_B has shape (3, 1); with mixed_BC (3, 2) it must"),
        ({"weights_M": np.array([0.5, 0.6])}, "with sum 1.1; weights must be non-negative and"),
        ({"weights_M": np.array([1.5, -0.5])}, "[1.5, -0.5] with sum 1.0; weights must be non-"),
        ({"weights_M": np.array([np.nan, 1.0])}, "weights must be non-negative and sum to 1"),
        (
            {"mixed_BC": with_entry(HALF, (slice(2), 0), np.nan)},
            "mixed_BC has 2 of 3 rows with NaN or +inf",
        ),
        (
            {"members_BMC": with_entry(np.stack([HALF, HALF], axis=1), (2, 1, 0), np.inf)},
            "members_BMC has 1 of 3 rows with NaN or +inf",
        ),
        ({"mixed_BC": HALF + 0.1}, "mixed_BC has 3 of 3 rows whose probabilities do not sum to 1"),
        (
            {"mixed_BC": with_entry(HALF, 1, -np.inf)},
            "mixed_BC has 1 of 3 rows whose probabilities do not sum to 1",
        ),
        (
            {"members_BMC": with_entry(np.stack([HALF, HALF], axis=1), (0, 1), 2.0)},
            "members_BMC has 1 of 3 rows whose probabilities do not sum to 1; pass log-prob",
        ),
        ({"y_B": np.array([0.0, 1.0, 1.0])}, "y_B has dtype float64; classification needs integer"),
        ({"y_B": np.array([0, 1, 2])}, "y_B has labels in [0, 2]; with 2 classes they must lie"),
        ({"y_B": np.array([-1, 1, 1])}, "y_B has labels in [-1, 1]"),
    ],
)
def test_bad_classification_input_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Predictive(**arguments(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mixed_BC": np.zeros((3, 1)), "members_BMC": np.zeros((3, 2, 1))},
            "mixed_BC has 1 columns; regression needs 2: mean and log-variance",
        ),
        ({"mixed_BC": with_entry(HALF, (1, 1), -np.inf)}, "mixed_BC has 1 of 3 rows with NaN or"),
        (
            {"members_BMC": with_entry(np.stack([HALF, HALF], axis=1), (slice(None), 0), np.nan)},
            "members_BMC has 3 of 3 rows with NaN or infinity",
        ),
        ({"y_B": np.array([0.0, np.nan, np.inf])}, "y_B has 2 of 3 rows with NaN or infinity"),
    ],
)
def test_bad_regression_input_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Predictive(**regression(**changes))
