"""Evaluation under all corruptions, seconds of one core: what every final run adds to training."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from pathlib import Path

import torch

from bench.data.table import DATASETS
from bench.runs.execute import prepare_process
from bench.runs.run import run_one
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row


def measure(*, quick: bool) -> Measured:
    """Pneumonia and blood, SAE, as a run does it."""
    prepare_process()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dataset in ("pneumonia",) if quick else ("pneumonia", "blood"):
            # The first run of a process reads the cache, and the first of all makes it.
            _, *warm = [of_a_run(dataset, Path(folder), seed) for seed in range(2 if quick else 4)]
            shift = DATASETS[dataset].shift_images
            images = f"{shift} images a set" if shift else "all images"
            rows.append(
                Row(
                    quantity=f"{dataset}: evaluation of one run on val, test and 80 corrupted sets",
                    value=statistics.median(warm),
                    unit="s",
                    remark=f"{images}; CPU seconds of one core, median of {len(warm)} runs",
                )
            )
    return Measured(rows=rows)


def of_a_run(dataset: str, cache: Path, seed: int) -> float:
    """CPU seconds of the evaluation in a run of one epoch."""
    config = configs(dataset, epochs=1, seeds=seed + 1)[seed]
    if dataset != "pneumonia":  # how well it is trained does not change the work
        training = dataclasses.replace(config.training, batch_size=1024, learning_rate=1e-4)
        config = dataclasses.replace(config, training=training)
    record, _ = run_one(config, data=None, cache=cache, device=torch.device("cpu"))
    return record.timings.evaluate_cpu_s
