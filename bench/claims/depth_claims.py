"""Claims on the depth distribution at the end of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from bench.claims.evidence import Evidence
from bench.claims.verdict import Finding, Part, bounded, finding, no_data
from bench.metrics.predictive import FloatArray
from bench.records.depth_preference import NEAR, held_by_the_objective
from bench.statistics.crossed import estimate

HELD = (
    f"undecided: the objective's own optimum lies within {NEAR:g} of uniform, so that a preference "
    "could not have shown; see sae.kl_scale and alpha"
)
# A distribution that has left its start, uniform, by no more than this could not have shown a
# preference: the training was too short for it, or its learning rate too small.
INERT = 0.01


def near_uniform(evidence: Evidence, dataset: str) -> Finding:
    """The largest |theta - 1/D| is at most ``NEAR``, in the mean over configurations."""

    def part(last: pd.DataFrame) -> Part:
        far = last.groupby(["seed", "config_id", "input"])["excess"].agg(_far)
        found = by_seed(far)
        what = f"{NEAR:g} less the largest distance of an exit's theta from 1/D"
        return bounded(what, estimate(NEAR - found, np.zeros((len(found), 2))), 0.0)

    return _judged(evidence, dataset, part)


def deep(evidence: Evidence, dataset: str) -> Finding:
    """The last exit's mean share exceeds 1/D by at least ``NEAR``."""

    def part(last: pd.DataFrame) -> Part:
        deepest = last[last["exit"] == last["depth"]].set_index(["seed", "config_id", "input"])
        found = by_seed(deepest["excess"])
        what = "theta of the last exit minus 1/D"
        return bounded(what, estimate(found, np.zeros((len(found), 2))), NEAR)

    return _judged(evidence, dataset, part)


def _judged(evidence: Evidence, dataset: str, part_of: Callable[[pd.DataFrame], Part]) -> Finding:
    rows = depth_rows(evidence, dataset)
    last = last_theta(rows)
    if last.empty:
        return no_data(f"no complete SAE configurations with two or more exits on {dataset}")
    part = part_of(last)
    moved = float(last.groupby(["seed", "config_id", "input"])["excess"].agg(_far).max())
    if moved <= INERT:
        part = replace(part, verdict="undecided", note=f"{part.note}; {inert(moved)}")
    elif held_by_the_objective(rows):
        part = replace(part, verdict="undecided", note=f"{part.note}; {HELD}")
    ids = sorted(set(last["config_id"]))
    remark = f"{len(ids)} SAE configurations with two or more exits, after the last epoch"
    return finding([part], remark, ids)


def inert(moved: float) -> str:
    """Why a distribution that never moved decides nothing."""
    return (
        f"inert: no exit's theta has left 1/D by more than {moved:.2g}, so that a preference could "
        "not have shown; train longer or with a larger sae.depth_learning_rate"
    )


def depth_rows(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The ``depth`` frame of the complete configurations of a data set with D >= 2."""
    depth = evidence.frames.depth
    known = evidence.known.get(dataset)
    if known is None or depth.empty:
        return depth.iloc[:0]
    whole = depth["config_id"].isin(known.index)
    return depth[(depth["dataset"] == dataset) & (depth["depth"] >= 2) & whole]


def last_theta(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows after the last epoch of each run; excess: theta - 1/D."""
    last = rows[rows["epoch"] == rows.groupby("run_id")["epoch"].transform("max")]
    return last.assign(excess=last["theta"] - 1 / last["depth"])


def by_seed(values: pd.Series[float]) -> FloatArray:
    """Mean over the inputs of a run, then over the configurations: one value a seed.

    Args:
        values: indexed by seed, config_id, input.
    """
    by_run = values.groupby(["seed", "config_id"]).mean()
    return np.asarray(by_run.groupby("seed").mean(), dtype=np.float64)


def _far(excess: pd.Series[float]) -> float:
    return float(excess.abs().max())
