"""The kinds of prediction problem."""

from typing import Literal

Task = Literal["classification", "regression"]


def require_task(task: str, n_classes: int) -> None:
    """Check that the task and the number of classes agree.

    Raises:
        ValueError: an unknown task, fewer than 2 classes, or classes for regression.
    """
    if task not in ("classification", "regression"):
        raise ValueError(f"no task '{task}': choose classification or regression")
    if (n_classes < 2) if task == "classification" else (n_classes != 0):
        raise ValueError(f"{task} with {n_classes} classes: it takes 2 or more, regression takes 0")
