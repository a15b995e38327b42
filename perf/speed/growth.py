"""How the cost of an epoch grows, and of a job with its seeds and workers: fitted exponents."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench.deploy.latency.timing import interleaved
from bench.runs.execute import prepare_process
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from perf.speed.exponents import exponent
from perf.speed.job import Job
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row
from perf.speed.step import NETWORKS, random_dataset
from perf.speed.whole_job import OURS, run_side

_log = logging.getLogger(__name__)

N_IMAGES = 640  # five steps of 128


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A setting that grows while the others stay.

    Attributes:
        letter: of the setting.
        key: as for ``--set``.
        sizes: its values.
        method: whose setting it is.
        fixed: the others, as for ``--set``; an assignment of ``key`` itself is replaced.
    """

    letter: str
    key: str
    sizes: tuple[int, ...]
    method: str = "sae"
    fixed: tuple[str, ...] = ()

    def assignments(self, size: int) -> tuple[str, ...]:
        """All settings at one size."""
        kept = [text for text in self.fixed if not text.startswith(f"{self.key}=")]
        return (*kept, f"{self.key}={size}")


_SAE = ("sae.n_inputs=2", "sae.n_exits=2", "fc.width=128", "fc.depth=4")
_BODY = ("fc.width=128", "fc.depth=4")
AXES = (
    Axis(letter="N (SAE)", key="sae.n_inputs", sizes=(1, 2, 4, 8), fixed=_SAE),
    Axis(letter="K (SAE)", key="sae.n_exits", sizes=(1, 2, 4), fixed=_SAE),
    Axis(letter="D (SAE)", key="fc.depth", sizes=(2, 4, 8), fixed=_SAE),
    Axis(letter="W (SAE)", key="fc.width", sizes=(64, 128, 256, 512), fixed=_SAE),
    Axis(letter="M (ensemble)", key="ensemble.n_members", sizes=(1, 2, 4), method="ensemble",
         fixed=_BODY),
    Axis(letter="M (BatchEnsemble)", key="batch_ensemble.n_members", sizes=(1, 2, 4),
         method="batch_ensemble", fixed=_BODY),
)  # fmt: skip


def measure(*, quick: bool) -> Measured:
    """Epochs of one thread in turns; whole jobs by seeds and by workers."""
    prepare_process()
    calls = {(axis.letter, size): _epoch(axis, size) for axis in AXES for size in axis.sizes}
    taken = interleaved(calls, rounds=2 if quick else 15)
    curves: dict[str, dict[float, float]] = {}
    for (letter, size), seconds in taken.items():
        curves.setdefault(letter, {})[size] = float(np.median(seconds))
    rows = [_row(f"FC training time by {letter}", curve) for letter, curve in curves.items()]
    jobs = _jobs(quick=quick)
    rows += [_row(f"whole job, start-up included, by {letter}", c) for letter, c in jobs.items()]
    return Measured(rows=rows, data={"epoch_s": _plain(curves), "job_s": _plain(jobs)})


def _epoch(axis: Axis, size: int) -> Callable[[], object]:
    """An epoch of N_IMAGES random images in the shape of pneumonia's, validation left out."""
    cpu = torch.device("cpu")
    (config,) = configs(
        "pneumonia", epochs=1, method=axis.method, assignments=axis.assignments(size)
    )
    dataset = random_dataset(NETWORKS["FC"], N_IMAGES)
    inputs, normalise = Inputs.of(dataset.train, cpu), Normalise(dataset, cpu)
    method = build(config, dataset)
    return lambda: train(method, inputs, normalise, config.training, lambda _: {"nll": 0.0})


def _jobs(*, quick: bool) -> dict[str, dict[float, float]]:
    """Seconds of the whole job on pneumonia by seeds (2 workers) and by workers (4 seeds)."""
    epochs, rounds = (1, 1) if quick else (10, 2)
    sizes = [("seeds", seeds, 2) for seeds in (2, 4, 8)] + [("workers", 4, w) for w in (1, 2)]
    found: dict[str, dict[float, float]] = {"seeds": {}, "workers": {}}
    for _ in range(rounds):
        for letter, seeds, workers in sizes:
            job = Job(problem="pneumonia", epochs=epochs, seeds=seeds)
            wall, _ = run_side(OURS, job, workers=workers)
            size = seeds if letter == "seeds" else workers
            found[letter][size] = min(wall, found[letter].get(size, wall))
            _log.info("%s %d: %.1f s", letter, size, wall)
    return found


def _row(quantity: str, curve: dict[float, float]) -> Row:
    times = ", ".join(f"{size:g}: {seconds:.3g} s" for size, seconds in curve.items())
    return Row(quantity=f"{quantity}: exponent", value=exponent(curve), unit="", remark=times)


def _plain(curves: dict[str, dict[float, float]]) -> dict[str, Any]:
    return {letter: {str(size): s for size, s in c.items()} for letter, c in curves.items()}
