"""Two small studies whose numbers are known, and reading what a figure has drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.records.frames import DEPTH_KEYS, Frames

CATEGORIES = (
    "Standard NN", "NN Ensemble", "MC Dropout", "BatchEnsemble", "SE NN", "EE", "MIMO", "MIMMO",
    "I/B",
)  # fmt: skip
# Category, N, K; all with D = 3. Two I/B configurations share a cell.
CONFIGURATIONS: tuple[tuple[str, float, float], ...] = (
    ("Standard NN", np.nan, np.nan), ("NN Ensemble", np.nan, np.nan),
    ("MC Dropout", np.nan, np.nan), ("BatchEnsemble", np.nan, np.nan),
    ("SE NN", 1, 1), ("EE", 1, 2), ("MIMO", 2, 1), ("MIMMO", 2, 3), ("I/B", 2, 2), ("I/B", 2, 2),
)  # fmt: skip
SEEDS = (0, 1)
CORRUPTIONS = ("blur", "noise")
METHODS = {
    "Standard NN": "standard", "NN Ensemble": "ensemble", "MC Dropout": "mc_dropout",
    "BatchEnsemble": "batch_ensemble",
}  # fmt: skip
TASKS = {"digits": "classification", "retina": "regression"}


def frames(runs: pd.DataFrame, depth: pd.DataFrame | None = None) -> Frames:
    depth = pd.DataFrame(columns=list(DEPTH_KEYS)) if depth is None else depth
    return Frames(runs=runs, depth=depth, failures=pd.DataFrame())


def quality(i: int, seed: int, loss: float) -> dict[str, float]:
    """Metrics of configuration i; its seeds lie 0.01 around the mean."""
    shift = 0.01 if seed else -0.01
    return {
        "accuracy": 0.8 + i / 100 + shift - loss, "ece": 0.2 - i / 100 + shift + loss,
        "f1": 0.5 + i / 100, "cc_ece": 0.1 + i / 100, "disagreement": 0.01 * i + shift,
        "mutual_information": 0.002 * i, "member_variance": 0.001 * i,
        "mse": 0.2 - i / 100 + shift + loss, "nll": 1.0 - i / 10 + loss,
    }  # fmt: skip


def run_rows(dataset: str, i: int, seed: int) -> list[dict[str, Any]]:
    category, n_inputs, n_exits = CONFIGURATIONS[i]
    base = {
        "run_id": f"{dataset}-{i}-{seed}", "config_id": f"{dataset}-{i}", "dataset": dataset,
        "task": TASKS[dataset], "method": METHODS.get(category, "sae"), "category": category,
        "label": f"no. {i}", "seed": seed, "width": 8, "depth": 3, "n_members": np.nan,
        "n_inputs": n_inputs, "n_exits": n_exits, "flops": 1e6 * 2**i, "params": 3e5 + 1e4 * i,
        "corruption": np.nan, "severity": np.nan,
    }  # fmt: skip
    rows = [
        base | {"split": split} | quality(i, seed, loss)
        for split, loss in (("val", 0.0), ("test", 0.02), ("ood", 0.3))
    ]
    for c, corruption in enumerate(CORRUPTIONS):
        for severity in range(1, 6):
            row = {"split": "corruption", "corruption": corruption, "severity": severity}
            rows.append(base | row | quality(i, seed, 0.02 + 0.01 * severity * (c + 1)))
    return rows


def depth_rows(dataset: str, i: int, seed: int) -> list[dict[str, Any]]:
    """Theta goes from uniform to (0.2, 0.3, 0.5), moved by 0.1 between inputs and 0.02 by seeds."""
    category, n_inputs, n_exits = CONFIGURATIONS[i]
    if np.isnan(n_inputs):
        return []
    rows = []
    for epoch, progress in enumerate((0.0, 0.5, 1.0)):
        for n in range(int(n_inputs)):
            end = np.array([0.2, 0.3, 0.5]) + np.array([-1, 0, 1]) * (0.1 * n + 0.02 * seed)
            theta = (1 - progress) / 3 + progress * end
            rows += [
                {
                    "run_id": f"{dataset}-{i}-{seed}", "config_id": f"{dataset}-{i}",
                    "dataset": dataset, "category": category, "seed": seed, "n_inputs": n_inputs,
                    "n_exits": n_exits, "depth": 3, "epoch": epoch, "progress": progress,
                    "input": n, "exit": d + 1, "theta": theta[d], "optimum": float("nan"),
                }
                for d in range(3)
            ]  # fmt: skip
    return rows


def make_study(datasets: Sequence[str] = ("digits", "retina")) -> Frames:
    keys = [(d, i, seed) for d in datasets for i in range(len(CONFIGURATIONS)) for seed in SEEDS]
    return frames(
        runs=pd.DataFrame([row for key in keys for row in run_rows(*key)]),
        depth=pd.DataFrame([row for key in keys for row in depth_rows(*key)]),
    )


def xy(line: Any) -> npt.NDArray[np.float64]:
    return np.asarray(line.get_xydata(), dtype=float)


def segments(bars: Any) -> list[npt.NDArray[np.float64]]:
    return list(bars.get_segments())


def is_filled(patch: Any) -> bool:
    return bool(patch.get_facecolor()[3] > 0)


def legend_labels(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def markers(axes: Axes) -> list[tuple[float, float, Line2D]]:
    """Every single marker in the axes: x, y and the line it belongs to."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", "none", "")]
    return [(x, y, line) for line in lines for x, y in xy(line)]


def texts(axes: Axes) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text() for text in axes.texts}
