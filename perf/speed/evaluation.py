"""Evaluation under all corruptions, seconds of one core: what every final run adds to training."""

from __future__ import annotations

import dataclasses
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from bench import cost
from bench.data.table import DATASETS
from bench.metrics import table as metrics
from bench.runs.execute import prepare_process
from bench.runs.loaded import load_dataset
from bench.runs.run import build, run_one
from bench.shift.table import CORRUPTIONS, SEVERITIES
from bench.training.inputs import Inputs, Normalise
from bench.training.predict import predict_split
from methods.core.backbone import ImageShape
from perf.speed import limits
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row

_log = logging.getLogger(__name__)


def measure(*, quick: bool) -> Measured:
    """Pneumonia and blood, SAE, as a run does it; and all of blood's test images."""
    prepare_process()
    rows, data = [], {}
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for dataset in ("pneumonia",) if quick else ("pneumonia", "blood"):
            taken = [_of_a_run(dataset, cache, seed) for seed in range(2 if quick else 4)]
            # The first run of a process reads the cache, and the first of all makes it.
            warm = [each["evaluate_cpu_s"] for each in taken[1:]]
            data[dataset] = taken
            shift = DATASETS[dataset].shift_images
            images = f"{shift} images a set, as the table's row has it" if shift else "all images"
            rows.append(
                Row(
                    quantity=f"{dataset}: evaluation of one run, val, test and 80 corrupted sets",
                    value=statistics.median(warm),
                    unit="s a core",
                    remark=f"{images}; CPU seconds, median of {len(warm)} runs",
                )
            )
            _log.info("%s: %.2f s", dataset, statistics.median(warm))
    rows.append(_all_of_blood(data, rounds=1 if quick else 3))
    return Measured(rows=rows, data=data)


def _of_a_run(dataset: str, cache: Path, seed: int) -> dict[str, float]:
    """The timings in the record of a run of one epoch."""
    config = configs(dataset, epochs=1, seeds=seed + 1)[seed]
    if dataset != "pneumonia":  # how well it is trained does not change the work
        training = dataclasses.replace(config.training, batch_size=1024, learning_rate=1e-4)
        config = dataclasses.replace(config, training=training)
    record, _ = run_one(config, data=None, cache=cache, device=torch.device("cpu"))
    return msgspec.structs.asdict(record.timings)


def _all_of_blood(data: dict[str, Any], *, rounds: int) -> Row:
    """80 times one set of all test images: their pixels do not change the work."""
    (config,) = configs("blood", epochs=1)
    dataset = load_dataset("blood", None)
    cpu = torch.device("cpu")
    predictor, normalise = build(config, dataset).deployed(), Normalise(dataset, cpu)
    inputs = Inputs.of(dataset.test, cpu)
    taken = []
    for _ in range(rounds + 1):
        start = time.process_time()
        predictive = predict_split(predictor, inputs, normalise, seed=0, purpose="test")
        metrics.evaluate(predictive, 1.5)
        taken.append(time.process_time() - start)
    del taken[0]  # it prepares the kernels
    sets = len(CORRUPTIONS) * len(SEVERITIES)
    one = statistics.median(taken)
    flops = 2 * cost.measure(predictor, ImageShape(3, 28, 28)).flops * len(dataset.test.y_B)
    peak, _ = limits.measured(rounds=3 * rounds)
    data["all_of_blood"] = taken
    return Row(
        quantity=f"blood: {sets} sets of all {len(dataset.test.y_B)} test images",
        value=sets * one,
        unit="s a core",
        target=60.0,
        remark=f"{sets} x one set, CPU seconds, median of {rounds}; images under corruption are "
        "as many and as large",
        binds=f"a set is {flops / 1e9:.0f} GFLOP, which took {one:.2f} s; at the matmul peak of "
        f"{peak / 1e9:.0f} GFLOP/s all sets would take {sets * flops / peak:.0f} s",
    )
