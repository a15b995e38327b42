"""Claims on the depth distribution at the end of training."""

from __future__ import annotations

import math

import pandas as pd
from scipy import stats

from bench.claims.verdict import Finding, Part, all_of, at_least, at_most, no_data
from bench.records.frames import Frames

# Distributions nearer to uniform than this, in the share of an exit, are "near uniform", and a
# share of the last exit that exceeds uniform by more is "deep": no records support both.
NEAR = 0.05


def near_uniform(frames: Frames, dataset: str) -> Finding:
    """Mean over configurations of the largest |theta - 1/D| is at most ``NEAR``."""
    theta = last_theta(frames, dataset)
    if theta.empty:
        return no_data(f"no SAE runs with two or more exits on {dataset}")
    values = by_configuration(theta.groupby(["config_id", "run_id", "input"])["excess"].agg(_far))
    estimate, low, high = mean_interval(values)
    part = Part(
        what="largest distance of an exit's theta from 1/D",
        rule=f"<= {NEAR:g}",
        verdict=at_most(low, high, NEAR),
        estimate=estimate, low=low, high=high,
        note=_note(values),
    )  # fmt: skip
    return _finding([part], values)


def deep(frames: Frames, dataset: str) -> Finding:
    """The last exit's mean share exceeds 1/D, and by at least ``NEAR``."""
    theta = last_theta(frames, dataset)
    if theta.empty:
        return no_data(f"no SAE runs with two or more exits on {dataset}")
    last = theta[theta["exit"] == theta["depth"]]
    values = by_configuration(last.set_index(["config_id", "run_id", "input"])["excess"])
    estimate, low, high = mean_interval(values)
    what = "theta of the last exit minus 1/D"
    parts = [
        Part(
            what=what, rule=f">= {bound:g}", verdict=at_least(low, high, bound),
            estimate=estimate, low=low, high=high, note=_note(values),
        )
        for bound in (0.0, NEAR)
    ]  # fmt: skip
    return _finding(parts, values)


def last_theta(frames: Frames, dataset: str) -> pd.DataFrame:
    """The ``depth`` frame after the last epoch of each run with D >= 2; excess: theta - 1/D."""
    depth = frames.depth
    rows = depth[(depth["dataset"] == dataset) & (depth["depth"] >= 2)]
    last = rows[rows["epoch"] == rows.groupby("run_id")["epoch"].transform("max")]
    return last.assign(excess=last["theta"] - 1 / last["depth"])


def by_configuration(values: pd.Series) -> pd.Series:
    """Mean over the inputs of a run, then over the seeds: one value a configuration.

    Args:
        values: indexed by config_id, run_id, input.
    """
    by_run = values.groupby(["config_id", "run_id"]).mean()
    return by_run.groupby("config_id").mean()


def mean_interval(values: pd.Series) -> tuple[float, float, float]:
    """Mean and its 95% Student interval; of a single value the interval is all numbers."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return mean, -math.inf, math.inf
    half = float(stats.t.ppf(0.975, n - 1)) * float(values.std()) / math.sqrt(n)
    return mean, mean - half, mean + half


def _far(excess: pd.Series) -> float:
    return float(excess.abs().max())


def _note(values: pd.Series) -> str:
    if len(values) == 1:
        return "a single configuration says nothing of others"
    return "training starts at uniform, and a short one may not leave it: docs/claims.md"


def _finding(parts: list[Part], values: pd.Series) -> Finding:
    return Finding(
        verdict=all_of(part.verdict for part in parts),
        parts=tuple(parts),
        remark=f"{len(values)} SAE configurations with two or more exits, after the last epoch",
        config_ids=tuple(map(str, values.index)),
    )
