"""Differences of configurations to a reference: 95% intervals and Holm-corrected p values."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from bench.records.frames import Frames
from bench.statistics.configurations import configurations, keys_among, known_splits
from bench.statistics.holm import holm
from bench.statistics.influence import Split
from bench.statistics.measured import Measurements, difference

DIFFERENCE_COLUMNS = (
    "dataset", "config_id", "category", "label", "reference_id", "split", "metric", "n_seeds",
    "estimate", "low", "high", "p", "p_holm",
)  # fmt: skip


def differences(
    frames: Frames,
    config_ids: Collection[str],
    reference_id: str,
    *,
    splits: Sequence[Split] = ("test",),
    metrics: Collection[str] | None = None,
) -> pd.DataFrame:
    """Metrics of configurations minus those of a reference, paired over seeds and examples.

    Args:
        frames: as `intervals`.
        config_ids: which configurations; the reference itself and those of other datasets are
            left out.
        reference_id: the configuration that is subtracted.
        splits: as `intervals`.
        metrics: as `intervals`.

    Returns:
        `DIFFERENCE_COLUMNS`. ``n_seeds`` counts the seeds that both have; without any, the rest
        is NaN. ``p`` is two-sided, NaN with fewer than three common seeds; ``p_holm`` is corrected
        for all configurations that are compared in one dataset, split and metric.

    Raises:
        ValueError: as `intervals`, for the reference too.
        UserError: as `intervals`.
    """
    measurements, rows = Measurements(frames, every_metric=metrics is None), []
    for reference in configurations(frames, [reference_id]):
        for config in configurations(frames, config_ids):
            if config.dataset != reference.dataset or config.config_id == reference_id:
                continue
            for split in known_splits(splits):
                for key in keys_among(config.task, metrics):
                    ours, theirs = (
                        measurements(config.dataset, config_id, split, key)
                        for config_id in (config.config_id, reference_id)
                    )
                    found = difference(ours, theirs).estimate
                    low, high = found.interval()
                    rows.append(
                        {
                            **config.facts,
                            "reference_id": reference_id,
                            "split": split,
                            "metric": key,
                            "n_seeds": found.n_seeds,
                            "estimate": found.value,
                            "low": low,
                            "high": high,
                            "p": found.p,
                        }
                    )
    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    families = table.groupby(["dataset", "split", "metric"])["p"]
    table["p_holm"] = families.transform(lambda p: pd.Series(holm(p.to_numpy()), index=p.index))
    return table
