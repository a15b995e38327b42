"""Metrics by scikit-learn and plain loops, from the stored predictions alone."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from bench.records.schema import FileName

Arrays = dict[str, npt.NDArray[Any]]


def arrays_of(files: Mapping[FileName, bytes]) -> Arrays:
    with np.load(io.BytesIO(files["predictions.npz"]), allow_pickle=False) as archive:
        return dict(archive)


def mixture(arrays: Arrays, split: str) -> npt.NDArray[np.float64]:
    """Probabilities, averaged over members."""
    p_BMC = softmax(arrays[f"{split}/members"].astype(np.float64), axis=-1)
    weights_M = arrays["weights"].astype(np.float64)
    p_BC: npt.NDArray[np.float64] = np.einsum("bmc,m->bc", p_BMC, weights_M / weights_M.sum())
    return p_BC


def naive_ece(p_BC: npt.NDArray[np.float64], y_B: npt.NDArray[np.int64]) -> float:
    confidence_B, correct_B = p_BC.max(1), p_BC.argmax(1) == y_B
    total = 0.0
    for b in range(15):
        inside = (confidence_B > b / 15) & (confidence_B <= (b + 1) / 15)
        if inside.any():
            gap = abs(correct_B[inside].mean() - confidence_B[inside].mean())
            total += inside.mean() * gap
    return float(total)


def one_vs_rest(p_BC: npt.NDArray[np.float64], y_B: npt.NDArray[np.int64]) -> float:
    """AUROC class by class: rows scaled to sum to 1 exactly would have other ties."""
    areas = [roc_auc_score(y_B == label, p_BC[:, label]) for label in np.unique(y_B)]
    return float(np.mean(areas))


def scores(p_BC: npt.NDArray[np.float64], y_B: npt.NDArray[np.int64]) -> dict[str, float]:
    """What scikit-learn and plain loops make of the same predictions."""
    predicted_B = p_BC.argmax(1)
    return {
        "accuracy": accuracy_score(y_B, predicted_B),
        "f1": f1_score(y_B, predicted_B, average="macro"),
        "auroc": one_vs_rest(p_BC, y_B),
        "nll": log_loss(y_B, p_BC / p_BC.sum(1, keepdims=True)),
        "brier": float(((p_BC - np.eye(10)[y_B]) ** 2).sum(1).mean()),
        "ece": naive_ece(p_BC, y_B),
    }
