"""How the cost of an epoch grows with N, K, D, W and M: fitted exponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.deploy.latency.timing import Call, interleaved
from bench.runs.execute import prepare_process
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row
from perf.speed.step import NETWORKS, epoch, random_dataset

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
    """Epochs of one thread on random images, in turns."""
    prepare_process()
    calls = {(axis.letter, size): _epoch(axis, size) for axis in AXES for size in axis.sizes}
    taken = interleaved(calls, rounds=2 if quick else 15)
    curves: dict[str, dict[int, float]] = {}
    for (letter, size), seconds in taken.items():
        curves.setdefault(letter, {})[size] = float(np.median(seconds))
    rows = []
    for letter, curve in curves.items():
        times = ", ".join(f"{size}: {seconds:.3g} s" for size, seconds in curve.items())
        quantity = f"FC training time by {letter}: exponent"
        rows.append(Row(quantity=quantity, value=exponent(curve), unit="", remark=times))
    data = {letter: {str(size): s for size, s in c.items()} for letter, c in curves.items()}
    return Measured(rows=rows, data={"epoch_s": data})


def exponent(cost_by_size: Mapping[int, float]) -> float:
    """The slope of log cost against log size by least squares: 0 is free, 1 linear, 2 quadratic."""
    sizes, costs = np.array(list(cost_by_size)), np.array(list(cost_by_size.values()))
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _epoch(axis: Axis, size: int) -> Call:
    (config,) = configs(
        "pneumonia", epochs=1, method=axis.method, assignments=axis.assignments(size)
    )
    return epoch(config, random_dataset(NETWORKS["FC"], N_IMAGES))
