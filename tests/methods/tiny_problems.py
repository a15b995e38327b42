"""Tiny problems on the FC backbone. (Not fixtures: two conftest.py are one too many for mypy.)"""

from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.network import Problem


def make_problem(
    task: str = "classification",
    *,
    depth: int = 3,
    width: int = 4,
    shape: ImageShape = ImageShape(1, 2, 3),  # noqa: B008 - a tuple, as immutable as a number
    n_classes: int = 3,
    n_train: int | None = None,
) -> Problem:
    backbone = FCSettings(width=width, depth=depth)
    likelihood = likelihood_for(task, n_classes)
    return Problem(shape=shape, likelihood=likelihood, backbone=backbone, n_train=n_train)
