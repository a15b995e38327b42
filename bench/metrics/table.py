"""Every metric of the study: one function and one table row each.

All read a `Predictive`, so that metrics can be recomputed from stored predictions without a model.
Never imports torch: figures and report read the table for labels and directions.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.metrics import adaptive_ece, calibration, diversity, scores
from bench.metrics.calibration import at_temperature, fit_temperature
from bench.metrics.predictive import TASKS, Predictive
from bench.metrics.weighted import WeightedMetric

__all__ = [
    "METRICS",
    "TASKS",
    "TEMPERATURE_SUFFIX",
    "Metric",
    "Predictive",
    "applications",
    "at_temperature",
    "direction_of",
    "evaluate",
    "fit_temperature",
    "keys_for",
    "label_of",
    "lookup",
    "metrics_for",
    "register",
]

TEMPERATURE_SUFFIX = "_ts"
Direction = Literal["higher", "lower"]
Kind = Literal["performance", "calibration", "diversity"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table.

    Attributes:
        name: key in records, unique within its task.
        label: for axes and table heads, with the unit if any.
        task: "classification" or "regression".
        direction: which is better. For diversity, which is more diverse: not better in itself.
        compute: the value of one split and of resamples of it; NaN where undefined (AUROC of a
            single class).
        temperature: is it also reported after temperature scaling, as `<name>_ts`? Not where the
            temperature cannot change it or acts on something it does not read.
        kind: the group it is shown in.
        reads_members: does it read the members' own distributions? Of corrupted images none are
            stored.
        objective: does a search optimise it (with all others of its task that it does, and costs)?
        bounds: the smallest and the largest value that it can have.
    """

    name: str
    label: str
    task: str
    direction: Direction
    compute: WeightedMetric
    kind: Kind
    temperature: bool = False
    reads_members: bool = False
    objective: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)


_ANY, _POSITIVE = (-math.inf, math.inf), (0.0, math.inf)

_class_score = partial(Metric, task="classification", kind="performance")
_class_objective = partial(_class_score, objective=True)
_class_calibration = partial(
    Metric, task="classification", kind="calibration", direction="lower", temperature=True
)
_class_diversity = partial(
    Metric, task="classification", kind="diversity", direction="higher", reads_members=True
)
_value_score = partial(Metric, task="regression", kind="performance", direction="lower")
_value_calibration = partial(
    Metric, task="regression", kind="calibration", direction="lower", temperature=True
)
_value_diversity = partial(
    Metric, task="regression", kind="diversity", direction="higher", reads_members=True
)

_ROWS = (
    _class_objective(
        name="accuracy", label="Accuracy", direction="higher", compute=scores.accuracy
    ),
    _class_objective(name="f1", label="Macro F1", direction="higher", compute=scores.macro_f1),
    _class_score(name="auroc", label="AUROC", direction="higher", compute=scores.auroc),
    _class_objective(
        name="nll",
        label="NLL (nats)",
        direction="lower",
        compute=scores.nll,
        temperature=True,
        bounds=_POSITIVE,
    ),
    _class_score(
        name="brier",
        label="Brier score",
        direction="lower",
        compute=scores.brier,
        temperature=True,
        bounds=(0.0, 2.0),
    ),
    _class_calibration(name="ece", label="ECE", compute=calibration.ece, objective=True),
    _class_calibration(name="cc_ece", label="CC-ECE", compute=calibration.cc_ece, objective=True),
    _class_calibration(
        name="cc_ece_all", label="CC-ECE over all C classes", compute=calibration.cc_ece_all
    ),
    _class_calibration(
        name="classwise_ece", label="Class-wise ECE", compute=calibration.classwise_ece
    ),
    _class_calibration(
        name="adaptive_ece", label="Adaptive ECE", compute=adaptive_ece.adaptive_ece
    ),
    _class_diversity(name="disagreement", label="Disagreement", compute=diversity.disagreement),
    _class_diversity(
        name="mutual_information",
        label="Mutual information (nats)",
        compute=diversity.mutual_information,
        bounds=_POSITIVE,
    ),
    _value_score(name="mse", label="MSE", compute=scores.mse, objective=True, bounds=_POSITIVE),
    _value_score(name="mae", label="MAE", compute=scores.mae, bounds=_POSITIVE),
    _value_score(
        name="nll",
        label="NLL (nats)",
        compute=scores.gaussian_nll,
        bounds=_ANY,
        temperature=True,
        objective=True,
    ),
    _value_score(
        name="nll_mixture",
        label="Mixture NLL (nats)",
        compute=scores.mixture_nll,
        bounds=_ANY,
        reads_members=True,
    ),
    _value_calibration(
        name="coverage_error",
        label="Coverage error",
        compute=calibration.coverage_error,
        bounds=(0.0, 0.5),
        objective=True,
    ),
    _value_diversity(
        name="member_variance",
        label="Variance of member means",
        compute=diversity.member_variance,
        bounds=_POSITIVE,
    ),
)

# Keyed by (task, name): tasks share names such as "nll".
METRICS = {(metric.task, metric.name): metric for metric in _ROWS}
assert len(METRICS) == len(_ROWS), "two rows of the table share their task and name"


def register(rows: Iterable[Metric]) -> None:
    """Add rows behind those of the table."""
    METRICS.update({(row.task, row.name): row for row in rows})


def metrics_for(task: str) -> tuple[Metric, ...]:
    """The metrics of a task, in table order.

    Raises:
        ValueError: an unknown task.
    """
    if task not in TASKS:
        raise ValueError(f"task is {task!r}; choose one of {', '.join(TASKS)}")
    return tuple(metric for metric in METRICS.values() if metric.task == task)


def lookup(task: str, name: str) -> Metric:
    """The metric of that name (without `_ts`).

    Raises:
        ValueError: an unknown task, or a name the task does not have.
    """
    names = [metric.name for metric in metrics_for(task)]
    if name not in names:
        raise ValueError(f"metric is {name!r}; for {task} choose one of {', '.join(names)}")
    return METRICS[task, name]


def keys_for(task: str) -> dict[str, Metric]:
    """Every key that `evaluate` can report for a task, with its metric, in table order.

    Raises:
        ValueError: an unknown task.
    """
    keys = {}
    for metric in metrics_for(task):
        keys[metric.name] = metric
        if metric.temperature:
            keys[metric.name + TEMPERATURE_SUFFIX] = metric
    return keys


def _metric_of(task: str, key: str) -> Metric:
    keys = keys_for(task)
    if key not in keys:
        raise ValueError(f"metric key is {key!r}; for {task} choose one of {', '.join(keys)}")
    return keys[key]


def label_of(task: str, key: str) -> str:
    """Axis label of a key of `evaluate`, e.g. "ECE (temperature-scaled)" for "ece_ts".

    Raises:
        ValueError: an unknown task or key.
    """
    metric = _metric_of(task, key)
    if key == metric.name:
        return metric.label
    # One pair of parentheses: "NLL (nats, temperature-scaled)".
    if metric.label.endswith(")"):
        return f"{metric.label[:-1]}, temperature-scaled)"
    return f"{metric.label} (temperature-scaled)"


def direction_of(task: str, key: str) -> Direction:
    """Which is better for a key of `evaluate`: "higher" or "lower".

    Raises:
        ValueError: an unknown task or key.
    """
    return _metric_of(task, key).direction


def evaluate(predictive: Predictive, temperature: float | None) -> dict[str, float]:
    """Every metric of the predictive's task.

    Args:
        predictive: the split's predictions, as the model made them.
        temperature: from `fit_temperature` on validation data; None leaves the `_ts` keys out.

    Returns:
        `name` -> value and, given a temperature, `name_ts` -> value after scaling for the metrics
        that have such a twin. NaN where a metric is undefined, inf for the NLL of a true class of
        probability 0.

    Raises:
        ValueError: a temperature that is not positive and finite.
    """
    applied = applications(predictive, temperature)
    return {key: metric.compute(split) for key, metric, split in applied}


def applications(
    predictive: Predictive, temperature: float | None
) -> Iterator[tuple[str, Metric, Predictive]]:
    """What `evaluate` computes: each key, its metric, and the predictive that it is taken of."""
    metrics = metrics_for(predictive.task)
    for metric in metrics:
        yield metric.name, metric, predictive
    if temperature is not None:
        scaled = at_temperature(predictive, temperature)
        for metric in metrics:
            if metric.temperature:
                yield metric.name + TEMPERATURE_SUFFIX, metric, scaled
