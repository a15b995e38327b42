"""Metrics of configurations by seed and group of examples: what every interval is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.metrics.predictive import FloatArray
from bench.metrics.table import TASKS, keys_for
from bench.records.frames import Frames
from bench.statistics import influence
from bench.statistics.configurations import results_folder
from bench.statistics.crossed import Estimate, estimate
from bench.statistics.influence import Split

_EVERY = frozenset(key for task in TASKS for key in keys_for(task))


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One metric of a configuration, or a contrast of several.

    Attributes:
        seeds: of its runs, ascending.
        values_S: the metric of each seed.
        influence_SG: how much each group of examples moves it; NaN where that is unknown.
    """

    seeds: tuple[int, ...]
    values_S: FloatArray
    influence_SG: FloatArray

    @property
    def estimate(self) -> Estimate:
        """The mean over seeds."""
        return estimate(self.values_S, self.influence_SG)

    def at(self, seeds: Sequence[int]) -> Measured:
        """The value over some of its seeds."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Measured(
            seeds=tuple(seeds),
            values_S=self.values_S[rows],
            influence_SG=self.influence_SG[rows],
        )


NOTHING = Measured(seeds=(), values_S=np.empty(0), influence_SG=np.empty((0, 0)))


def contrast(terms: Iterable[tuple[float, Measured]]) -> Measured:
    """A weighted sum of metrics, seed by seed, over the seeds that all terms have.

    What the terms share, hard images or a lucky seed, cancels in a difference.
    """
    terms = list(terms)
    common = set.intersection(*(set(term.seeds) for _, term in terms))
    seeds = sorted(common)
    if not seeds:
        return NOTHING
    parts = [(weight, term.at(seeds)) for weight, term in terms]
    return Measured(
        seeds=tuple(seeds),
        values_S=np.sum([weight * part.values_S for weight, part in parts], axis=0),
        influence_SG=np.sum([weight * part.influence_SG for weight, part in parts], axis=0),
    )


def difference(ours: Measured, theirs: Measured) -> Measured:
    """Ours minus theirs, over the seeds that both have."""
    return contrast([(1.0, ours), (-1.0, theirs)])


class Measurements:
    """Every metric of the runs of some frames, read from their predictions as it is asked for.

    Args:
        frames: read from a results folder.
        seeds: the seeds to look at; None: all.
        every_metric: every metric will be asked for: they are computed together.

    Raises:
        ValueError: frames without a folder.
    """

    def __init__(
        self,
        frames: Frames,
        seeds: Collection[int] | None = None,
        *,
        every_metric: bool = False,
    ) -> None:
        self._root, self._every_metric = results_folder(frames), every_metric
        runs = frames.runs[frames.runs["split"].isin(("val", "test", "ood"))]
        self._runs = runs if seeds is None else runs[runs["seed"].isin(list(seeds))]
        self._known: dict[tuple[str, str, Split, str], Measured] = {}

    @cached_property
    def _places(self) -> Mapping[Any, npt.NDArray[np.intp]]:
        """(dataset, config_id, split) -> places of its rows."""
        found = self._runs.groupby(["dataset", "config_id", "split"]).indices
        return {place: np.asarray(rows, dtype=np.intp) for place, rows in found.items()}

    def seeds(self, dataset: str, config_id: str, split: Split) -> tuple[int, ...]:
        """The seeds of a configuration that have a split."""
        rows = self._places.get((dataset, config_id, split))
        return () if rows is None else tuple(sorted(map(int, self._runs["seed"].iloc[rows])))

    def __call__(self, dataset: str, config_id: str, split: Split, key: str) -> Measured:
        """A metric of a configuration; without seeds where it has no run of that split.

        Raises:
            UserError: predictions that are missing.
        """
        place = (dataset, config_id, split, key)
        if place not in self._known:
            rows = self._places.get(place[:3])
            self._known[place] = NOTHING if rows is None else self._read(rows, split, key)
        return self._known[place]

    def _read(self, places: npt.NDArray[np.intp], split: Split, key: str) -> Measured:
        rows = self._runs[["run_id", "seed", key]].iloc[places].sort_values("seed")
        others = _EVERY if self._every_metric else ()
        found = [
            influence.of_run(self._root, str(run), split, key, others) for run in rows["run_id"]
        ]
        unknown = np.full(influence.N_GROUPS, np.nan)
        return Measured(
            seeds=tuple(map(int, rows["seed"])),
            values_S=rows[key].to_numpy(dtype=float),
            influence_SG=np.stack([unknown if one is None else one for one in found]),
        )


def columns(measured: Measured, task: str, key: str) -> dict[str, Any]:
    """The columns n_seeds, estimate, low and high of a metric's mean, cut to its range."""
    found = measured.estimate
    low, high = found.interval(bounds=keys_for(task)[key].compute.bounds)
    return {"n_seeds": found.n_seeds, "estimate": found.value, "low": low, "high": high}
