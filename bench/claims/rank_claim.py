"""The claim that SAE's categories rank better than the baselines over data sets and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.stats import rankdata

from bench.claims.evidence import SAE_CATEGORIES, Evidence, objectives
from bench.claims.verdict import Finding, bounded, finding, no_data
from bench.statistics.crossed import FEWEST_SEEDS, estimate


def judge(evidence: Evidence, datasets: Sequence[str]) -> Finding:
    """Mean rank of the baselines minus that of SAE's categories, data sets being the unit.

    In each data set, metric and seed the configurations that the other seeds choose on validation,
    one a category, are ranked on test. The interval is Student's over data sets: metrics and seeds
    of one data set are no further evidence on others.
    """
    gaps: list[float] = []
    ids: set[str] = set()
    for dataset in datasets:
        found = _gap(evidence, dataset)
        if found is not None:
            gaps.append(found[0])
            ids |= found[1]
    if len(gaps) < FEWEST_SEEDS:
        return no_data(f"{len(gaps)} data sets with SAE and a baseline; it takes {FEWEST_SEEDS}")
    found_gap = estimate(gaps, np.zeros((len(gaps), 2)))
    part = bounded("mean rank of the baselines minus SAE's, over data sets", found_gap, 0.0)
    part = replace(part, note=f"{len(gaps)} data sets")
    return finding([part], "the chosen configuration of each category", sorted(ids))


def _gap(evidence: Evidence, dataset: str) -> tuple[float, set[str]] | None:
    """Baselines' mean rank minus SAE's, over metrics and seeds; and what was ranked."""
    known = evidence.known.get(dataset)
    if known is None:
        return None
    gaps: list[float] = []
    ids: set[str] = set()
    for metric in objectives(evidence.task(dataset)):
        folds = evidence.folds(dataset, partial(evidence.chosen, dataset, metric))
        for seed, chosen in folds.items():
            is_sae = np.array([category in SAE_CATEGORIES for category in chosen])
            if is_sae.all() or not is_sae.any():
                return None
            values = [
                evidence.gained(dataset, {seed: {config_id: 1.0}}, metric).values_S.mean()
                for config_id in chosen.values()
            ]
            ranks = rankdata(-np.array(values))
            gaps.append(float(ranks[~is_sae].mean() - ranks[is_sae].mean()))
            ids |= set(chosen.values())
    return (float(np.mean(gaps)), ids) if gaps else None
