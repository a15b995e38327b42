"""What a search had found after each of its trials: hypervolume, and what it had cost by then.

Trials and their order are those of the journal in `results/search` (Optuna's), costs those of the
records beside it. Validation alone.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
import pandas as pd
from optuna.study import Study
from optuna.trial import TrialState

from bench.metrics.predictive import FloatArray
from bench.records.frames import load_frames
from bench.records.search_progress import COLUMNS, write_progress
from bench.records.store import Reader, search_folder
from bench.search.history import JOURNAL, open_journal
from bench.search.objectives import CHOICES, Objective, lower_is_better, objectives_for
from bench.search.trials import agree

LOG = logging.getLogger(__name__)

REFERENCE = 1.1  # Of objectives between 0 (best of any search) and 1 (worst).


def save_progress(results: Path) -> None:
    """Write `progress` beside the trials, where figures read it (`bench.records`)."""
    write_progress(results, progress(results))


def progress(results: Path) -> pd.DataFrame:
    """One row per trial of each search of a results folder, in the order of the trials.

    The objectives (all of the search's; costs as logarithms) are scaled to 0 for the best and 1 for
    the worst that any search of the dataset has seen, and the hypervolume counts up to `REFERENCE`:
    one scale for all methods of a dataset. A failed trial adds nothing.

    Returns:
        `COLUMNS`: trial counts from 1; core_seconds are CPU seconds of training and validation up
        to it, a network that was trained before is free; hypervolume is of all trials up to it,
        divided by the largest possible one, so in [0, 1]; costs are those among the objectives,
        with commas: searches that minimise others have a scale of their own. Empty where nothing
        was searched.
    """
    folder = search_folder(results)
    searches = _studies(folder)
    if not searches:
        return pd.DataFrame(columns=list(COLUMNS))
    records = load_frames(folder)
    timings = records.timings.set_index("run_id")
    seconds = timings["train_cpu_s"] + timings["evaluate_cpu_s"]
    tasks = dict(zip(records.runs["dataset"], records.runs["task"], strict=True))
    groups: dict[tuple[str, tuple[str, ...]], list[Study]] = {}
    for study in searches:
        groups.setdefault((str(study.user_attrs["dataset"]), _cost_keys(study)), []).append(study)
    parts = []
    for (dataset, costs), alike in sorted(groups.items()):
        if dataset in tasks:
            objectives = objectives_for(tasks[dataset], costs)
            if kept := [one for one in alike if _is_whole(one, objectives, Reader(folder))]:
                parts += _of_dataset(kept, objectives, seconds)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _studies(folder: Path) -> list[Study]:
    """The studies of the journal that have trials, by name."""
    if not (folder / JOURNAL).is_file():
        return []
    storage = open_journal(folder)
    names = sorted(optuna.get_all_study_names(storage))
    studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
    return [
        study
        for study in studies
        if {"dataset", "objectives"} <= study.user_attrs.keys() and study.get_trials(deepcopy=False)
    ]


def _cost_keys(study: Study) -> tuple[str, ...]:
    """The costs among a study's objectives."""
    return tuple(key for key in study.user_attrs["objectives"] if key in CHOICES)


def _is_whole(study: Study, objectives: Sequence[Objective], runs: Reader) -> bool:
    """Whether the trials are those of the records, and of today's table of metrics."""
    if study.user_attrs["objectives"] != [objective.key for objective in objectives]:
        LOG.warning("search_progress: %s had other objectives and is left out", study.study_name)
        return False
    directions = [direction.name.lower() for direction in study.directions]
    trials = study.get_trials(deepcopy=False)
    if directions == [one.direction for one in objectives] and agree(trials, objectives, runs):
        return True
    LOG.warning(
        "search_progress: %s differs from its records and is left out; search again to read them",
        study.study_name,
    )
    return False


def _of_dataset(
    searches: Sequence[Study], objectives: Sequence[Objective], seconds: pd.Series
) -> list[pd.DataFrame]:
    values = [_costs(study, objectives) for study in searches]
    every = np.concatenate(values)
    if np.isnan(every).all():
        LOG.warning("search_progress: no trial on %s has finished", searches[0].study_name)
        return []
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    span = np.where(high > low, high - low, 1.0)  # An objective that never varied is 0 throughout.
    return [
        _table(study, hypervolumes((costs_TO - low) / span), seconds, objectives)
        for study, costs_TO in zip(searches, values, strict=True)
    ]


def _costs(study: Study, objectives: Sequence[Objective]) -> FloatArray:
    """Objectives of each trial, lower is better; NaN for a failed one."""
    failed = [np.nan] * len(objectives)
    rows = [
        list(trial.values) if trial.state == TrialState.COMPLETE else failed
        for trial in study.get_trials(deepcopy=False)
    ]
    return lower_is_better(rows, objectives)


def hypervolumes(costs_TO: FloatArray) -> FloatArray:
    """Share of the box up to `REFERENCE` that the trials up to each one dominate.

    Args:
        costs_TO: T trials with O objectives in [0, 1], lower is better; a row of NaN adds nothing.

    Returns:
        Shape (T,), in [0, 1], never falling.
    """
    n_objectives = costs_TO.shape[1]
    volume = moocore.Hypervolume(ref=[REFERENCE] * n_objectives)
    failed_T1 = np.isnan(costs_TO).any(axis=1, keepdims=True)
    # The reference itself dominates nothing of the box.
    points_TO = np.where(failed_T1, REFERENCE, costs_TO)
    found = [volume(points_TO[:count]) for count in range(1, len(points_TO) + 1)]
    return np.array(found) / REFERENCE**n_objectives


def _table(
    study: Study, hypervolume_T: FloatArray, seconds: pd.Series, objectives: Sequence[Objective]
) -> pd.DataFrame:
    facts: dict[str, Any] = study.user_attrs
    run_ids = [trial.user_attrs["run_id"] for trial in study.get_trials(deepcopy=False)]
    # A point that is proposed twice is trained once; a failed run has no timings.
    first = ~pd.Series(run_ids).duplicated()
    spent = pd.Series(run_ids).map(seconds).fillna(0.0) * first
    return pd.DataFrame(
        {
            "dataset": facts["dataset"],
            "study": study.study_name,
            "method": facts["method"],
            "sampler": facts["sampler"],
            "trial": range(1, len(run_ids) + 1),
            "core_seconds": spent.cumsum(),
            "hypervolume": hypervolume_T,
            "n_objectives": len(objectives),
            "costs": ",".join(_cost_keys(study)),
        }
    )
