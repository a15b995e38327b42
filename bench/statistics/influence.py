"""How much each group of test examples moves a metric: the delete-a-group jackknife of stored runs.

The examples of a split are divided into G groups at random, the same for every configuration,
method and seed. The metric without group g gives what that group adds: exactly its deviation from
the mean for accuracy or NLL, and to first order for F1, AUROC or a calibration error (Kott 2001,
"The delete-a-group jackknife", Journal of Official Statistics 17; Busing, Meijer & van der Leeden
1999 for groups of unequal size). Letters: G groups, B examples.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from bench.errors import UserError
from bench.metrics import adaptive_ece, calibration, diversity, predictive, scores, weighted
from bench.metrics import table as metrics
from bench.metrics.predictive import FloatArray, IntArray, Predictive
from bench.metrics.table import METRICS, TEMPERATURE_SUFFIX, applications, keys_for
from bench.records.schema import FinishedRun
from bench.statistics import predictions
from bench.statistics.cache import Arrays, cached
from bench.statistics.predictions import kept_influences, record_of, shifted, stamp, stored

Split = Literal["val", "test", "ood"]
Place = tuple[str, int, str]
MEAN = "mean"  # over corruptions
# With 50 groups, t has 49 degrees of freedom: intervals are 2.5% wider than with every example.
N_GROUPS = 50
# Always wanted together: the metrics that a search optimises, and the calibrated NLL.
_OBJECTIVES = frozenset(
    [metric.name for metric in METRICS.values() if metric.objective] + [f"nll{TEMPERATURE_SUFFIX}"]
)
# The code that the influences depend on, besides this file.
_SOURCES = (
    adaptive_ece, calibration, diversity, metrics, predictions, predictive, scores, weighted,
    sys.modules[__name__],
)  # fmt: skip


def generator(*identity: object) -> np.random.Generator:
    """Random numbers that follow from names, so that they are the same in every analysis."""
    digest = hashlib.sha256(json.dumps(identity).encode()).digest()
    return np.random.default_rng(list(digest))


@functools.lru_cache(maxsize=8)
def groups_of(dataset: str, n_samples: int) -> IntArray:
    """The group of each example, shape (B,), below min(N_GROUPS, B); sizes differ by at most 1."""
    order = generator("groups", dataset, n_samples).permutation(n_samples)
    return np.asarray(order % N_GROUPS, dtype=np.int64)


def influences(
    split: Predictive,
    temperature: float | None,
    groups_B: IntArray,
    keys: Collection[str] | None = None,
) -> Arrays:
    """The influence of each group on each metric of a split, shape (G,), by key of `evaluate`.

    (B / n_g - 1) (metric - metric without the group), times n_g G / B; centred to a mean of 0. The
    variance over groups, divided by G, is that of the metric.

    Args:
        split: the predictions.
        temperature: as `bench.metrics.table.evaluate`: that of the record, not fitted again.
        groups_B: the group of each example.
        keys: which metrics; None: all.
    """
    n_samples, n_groups = len(groups_B), int(groups_B.max()) + 1
    sample_weight_RB = np.ones((n_groups + 1, n_samples), order="F")
    sample_weight_RB[groups_B, np.arange(n_samples)] = 0  # the last row holds every example
    weights_G = np.bincount(groups_B) * n_groups / n_samples
    factors_G = n_groups - weights_G
    found = {}
    for key, metric, scaled in applications(split, temperature):
        if keys is None or key in keys:
            values_R = metric.compute.resampled(scaled, sample_weight_RB)
            with np.errstate(invalid="ignore"):  # an infinite NLL has no influences: NaN
                moved_G = factors_G * (values_R[-1] - values_R[:-1])
            found[key] = moved_G - moved_G.mean()
    return found


def of_run(
    root: Path, run_id: str, split: Split, key: str, others: Collection[str] = ()
) -> FloatArray | None:
    """The influences on a metric of a run's split, shape (G,).

    "ood" is the mean over all corruptions and severities: versions of the same images, in the same
    groups. None for metrics that read the members there: members under corruption are not stored.

    Args:
        root: the results folder.
        run_id: of the run.
        split: of its predictions.
        key: of the metric.
        others: metrics that will be asked for too: under corruption, reading takes half the time.

    Raises:
        UserError: there is no such run, or it has no predictions of that split.
    """
    known = _known(stamp(root, run_id), root, run_id, split)
    if key not in known:
        together = {one for one in (key, *others) if is_objective(one) == is_objective(key)}
        known |= {key: None, **_found(root, run_id, split, together)}
    return known[key]


def is_objective(key: str) -> bool:
    """Is it a metric that a search optimises, or the calibrated NLL?"""
    return key in _OBJECTIVES


@functools.lru_cache(maxsize=8192)
def _known(_stamp: int, _root: Path, _run_id: str, _split: Split) -> dict[str, FloatArray | None]:
    """What has been computed of a split in this process; more is added."""
    return {}


def _found(root: Path, run_id: str, split: Split, keys: Collection[str]) -> Arrays:
    kept = kept_influences(root, run_id, split)
    if kept is not None:
        return kept
    if split == "ood":
        return _mean_of_sets(root, run_id, keys)
    record, found = record_of(root, run_id), stored(root, run_id, split)
    groups_B = groups_of(record.config.dataset, len(found.y_B))
    return influences(found, record.temperature, groups_B)


def forget() -> None:
    """Drop what is in memory, for files that changed within one time stamp."""
    _known.cache_clear()


def of_compact(root: Path, run_id: str) -> dict[str, Arrays]:
    """What a compact record has instead of predictions; see `bench.records.compact`.

    By "test", "val" and "ood" the metrics; by "severity" those that figures show, as
    "mean/severity/metric" (`MEAN` over corruptions).

    Raises:
        UserError: there is no such run, or it has no predictions.
    """
    task = record_of(root, run_id).dataset.task
    ood: dict[str, list[FloatArray]] = {}
    sets: dict[str, list[FloatArray]] = {}
    for (_, severity, key), values_G in by_severity(root, run_id, keys_for(task)).items():
        ood.setdefault(key, []).append(values_G)
        if is_objective(key):
            sets.setdefault(f"{MEAN}/{severity}/{key}", []).append(values_G)
    return {
        "test": _found(root, run_id, "test", ()),
        "val": _found(root, run_id, "val", ()),
        "ood": {key: np.mean(all_, axis=0) for key, all_ in ood.items()},
        "severity": {name: np.mean(all_, axis=0) for name, all_ in sets.items()},
    }


def by_severity(root: Path, run_id: str, keys: Collection[str]) -> Mapping[Place, FloatArray]:
    """(corruption, severity, key) -> the influences on the metric of that corrupted set, (G,).

    Of a compact record those of the corruption `MEAN` alone.

    Raises:
        UserError: there is no such run, or it has no predictions under corruption.
    """
    found = {}
    kept = kept_influences(root, run_id, "severity")
    for name, values_G in (_sets(root, run_id, keys) if kept is None else kept).items():
        corruption, severity, key = name.split("/")
        if key in keys:
            found[corruption, int(severity), key] = values_G
    return found


def _sets(root: Path, run_id: str, keys: Collection[str]) -> Arrays:
    """Influences of each corrupted set, as "corruption/severity/metric"; kept: 80 take a while."""
    record = record_of(root, run_id)
    wanted = _OBJECTIVES if _OBJECTIVES.issuperset(keys) else keys_for(record.dataset.task)
    there = _without_members(record, wanted)

    def compute() -> Arrays:
        return {
            f"{place}/{key}": values_G
            for place, of_set in _by_set(root, record, there)
            for key, values_G in of_set.items()
        }

    return cached(root, run_id, [record.digest, "severity", there], _SOURCES, compute)


def _mean_of_sets(root: Path, run_id: str, keys: Collection[str]) -> Arrays:
    """Influences on the mean over all corrupted sets."""
    if _OBJECTIVES.issuperset(keys):  # those of each set are wanted as well, by figures
        sets: dict[str, list[FloatArray]] = {}
        for name, values_G in _sets(root, run_id, keys).items():
            sets.setdefault(name.rpartition("/")[2], []).append(values_G)
        return {key: np.mean(all_, axis=0) for key, all_ in sets.items()}
    record = record_of(root, run_id)
    there = _without_members(record, keys)

    def compute() -> Arrays:
        sets = [of_set for _, of_set in _by_set(root, record, there)]
        return {key: np.mean([of[key] for of in sets], axis=0) for key in there}

    return cached(root, run_id, [record.digest, "mean", there], _SOURCES, compute)


def _without_members(record: FinishedRun, keys: Collection[str]) -> list[str]:
    """The metrics of the mixture alone: members under corruption are not stored."""
    metrics = keys_for(record.dataset.task)
    return [key for key in metrics if key in keys and not metrics[key].reads_members]


def _by_set(root: Path, record: FinishedRun, keys: Collection[str]) -> Iterator[tuple[str, Arrays]]:
    """("corruption/severity", influences by metric) of each set.

    Raises:
        UserError: there are none.
    """
    found = None
    for corruption, severity, found in shifted(root, record.run_id):
        groups_B = groups_of(record.config.dataset, len(found.y_B))
        of_set = influences(found, record.temperature, groups_B, keys)
        yield f"{corruption}/{severity}", of_set
    if found is None:
        raise UserError(f"run {record.run_id} in {root} has no predictions under corruption")
