"""One split's predictions as checked numpy arrays: what every metric reads. Never imports torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Float32 log-softmax over a few hundred classes is off by about 1e-6 and half precision by about
# 1e-3, whereas logits passed by mistake are off by whole units.
_LOG_SUM_TOLERANCE = 1e-2
_WEIGHT_SUM_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictive:
    """A split's predictive distributions and targets, in float64.

    Attributes:
        task: "classification" or "regression".
        mixed_BC: the mixture over members. Classification: log-probabilities in nats (-inf marks
            an impossible class). Regression, C = 2: mean and log-variance of the moment-matched
            Gaussian.
        members_BMC: each member's own distribution, in the same form as `mixed_BC`.
        weights_M: the members' weights in the mixture, non-negative, summing to 1.
        y_B: integer labels in [0, C) for classification, float targets for regression.

    Raises:
        ValueError: unknown task, shapes that do not fit together, an empty split, non-finite
            predictions or targets, log-probabilities that are not normalised, labels that are not
            integers in [0, C), or weights that are negative or do not sum to 1.
    """

    task: str
    mixed_BC: FloatArray
    members_BMC: FloatArray
    weights_M: FloatArray
    y_B: FloatArray | IntArray

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task is {self.task!r}; choose one of {', '.join(TASKS)}")
        for name in ("mixed_BC", "members_BMC", "weights_M"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        object.__setattr__(self, "y_B", np.asarray(self.y_B))
        _check_shapes(self)
        object.__setattr__(self, "weights_M", _checked_weights(self.weights_M))
        object.__setattr__(self, "y_B", _CHECKS[self.task](self))


def _check_shapes(predictive: Predictive) -> None:
    mixed, members = predictive.mixed_BC.shape, predictive.members_BMC.shape
    weights, y = predictive.weights_M.shape, predictive.y_B.shape
    if len(mixed) != 2 or 0 in mixed:
        raise ValueError(f"mixed_BC has shape {mixed}; it must be (B, C) with B and C at least 1")
    if len(weights) != 1 or 0 in weights:
        raise ValueError(f"weights_M has shape {weights}; it must be (M,) with M at least 1")
    expected = (mixed[0], weights[0], mixed[1])
    if members != expected:
        raise ValueError(
            f"members_BMC has shape {members}; with mixed_BC {mixed} and weights_M {weights} it "
            f"must be {expected}"
        )
    if y != mixed[:1]:
        raise ValueError(f"y_B has shape {y}; with mixed_BC {mixed} it must be {mixed[:1]}")


def _checked_weights(weights_M: FloatArray) -> FloatArray:
    total = float(weights_M.sum())
    # Written so that NaN, which compares false to everything, is refused as well.
    if not (np.all(weights_M >= 0) and abs(total - 1) <= _WEIGHT_SUM_TOLERANCE):
        raise ValueError(
            f"weights_M is {weights_M.tolist()} with sum {total}; weights must be non-negative and "
            "sum to 1"
        )
    # Float32 weights miss 1 by rounding, which would bias the mixture's density.
    return np.asarray(weights_M / total, dtype=np.float64)


def _check_rows(name: str, bad: npt.NDArray[np.bool_], rule: str) -> None:
    """Refuse an array of which any element along the first axis is marked as bad."""
    bad_B = bad.reshape(len(bad), -1).any(axis=1)
    if bad_B.any():
        raise ValueError(f"{name} has {int(bad_B.sum())} of {len(bad)} rows {rule}")


def _checked_labels(predictive: Predictive) -> IntArray:
    n_classes = predictive.mixed_BC.shape[1]
    for name, log_p in (("mixed_BC", predictive.mixed_BC), ("members_BMC", predictive.members_BMC)):
        bad = np.isnan(log_p) | np.isposinf(log_p)
        _check_rows(name, bad, "with NaN or +inf; log-probabilities must be finite or -inf")
        with np.errstate(over="ignore"):  # of logits, which are refused below
            sums = np.exp(log_p).sum(axis=-1)
        _check_rows(
            name,
            (sums < math.exp(-_LOG_SUM_TOLERANCE)) | (sums > math.exp(_LOG_SUM_TOLERANCE)),
            "whose probabilities do not sum to 1; pass log-probabilities (log_softmax), not logits",
        )
    y_B = predictive.y_B
    if not np.issubdtype(y_B.dtype, np.integer):
        raise ValueError(f"y_B has dtype {y_B.dtype}; classification needs integer class labels")
    if y_B.min() < 0 or y_B.max() >= n_classes:
        raise ValueError(
            f"y_B has labels in [{y_B.min()}, {y_B.max()}]; with {n_classes} classes they must lie "
            f"in [0, {n_classes - 1}]"
        )
    return y_B.astype(np.int64)


def _checked_targets(predictive: Predictive) -> FloatArray:
    n_outputs = predictive.mixed_BC.shape[1]
    if n_outputs != 2:
        raise ValueError(
            f"mixed_BC has {n_outputs} columns; regression needs 2: mean and log-variance"
        )
    y_B = predictive.y_B.astype(np.float64)
    for name, array in (
        ("mixed_BC", predictive.mixed_BC),
        ("members_BMC", predictive.members_BMC),
        ("y_B", y_B),
    ):
        _check_rows(name, ~np.isfinite(array), "with NaN or infinity; every value must be finite")
    return y_B


# Each check returns the targets in the dtype its task computes with.
_CHECKS: dict[str, Callable[[Predictive], FloatArray | IntArray]] = {
    "classification": _checked_labels,
    "regression": _checked_targets,
}
TASKS = tuple(_CHECKS)
