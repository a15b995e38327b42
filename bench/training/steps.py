"""The steps of an epoch in turn: as they are, or on a GPU as replays of one captured step.

A step of a small network is some hundred operations of a few microseconds each, and a GPU waits
for the process that launches them. A CUDA graph launches them all at once. It needs a step whose
every input lies on the device: which rows, how far the training is, all random draws.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from bench.training.step import TrainingStep

CUDA_GRAPHS = "SAE_BENCH_CUDA_GRAPHS"
"""The environment variable that is 0 where steps are not to be captured."""

# Libraries allocate and choose in the first steps, which a capture does not allow.
WARM_UP = 3
_SYNCHRONISES = "called a synchronizing CUDA operation"

_log = logging.getLogger(__name__)


class Steps(Protocol):
    """Takes the steps of an epoch."""

    def __call__(
        self, rows: Sequence[Tensor], progress: Sequence[float], cosine: Sequence[float]
    ) -> None:
        """Take a step for each batch of ``rows``, with its progress and learning-rate factor."""


def steps_on(device: torch.device) -> Callable[[TrainingStep], Steps]:
    """How steps are taken on a device."""
    if device.type != "cuda":
        return InTurn
    capture = os.environ.get(CUDA_GRAPHS, "1") != "0"
    return lambda step: OnDevice(step, capture=capture)


class InTurn:
    """Each step with its numbers."""

    def __init__(self, step: TrainingStep) -> None:
        self._step = step

    def __call__(
        self, rows: Sequence[Tensor], progress: Sequence[float], cosine: Sequence[float]
    ) -> None:
        """See :class:`Steps`."""
        for values in zip(rows, progress, cosine, strict=True):
            self._step(*values)


@dataclass(frozen=True)
class _Tables:
    """What the steps of an epoch read: rows, progress and learning-rate factor; which is next."""

    rows_SB: Tensor
    schedule_S2: Tensor
    index_1: Tensor


class OnDevice:
    """Each step reads its inputs from tables on the device, at an index that it moves on.

    Args:
        step: of which the first `WARM_UP` run as they are.
        capture: capture the step as a CUDA graph then, and replay it. Where that is not possible, a
            line of the log has the reason, and the steps go on as they are.
    """

    def __init__(self, step: TrainingStep, *, capture: bool) -> None:
        self._step, self._wanted = step, capture
        self._graph: torch.cuda.CUDAGraph | None = None
        self._n_eager = 0
        self._tables: _Tables | None = None

    @property
    def captured(self) -> bool:
        """Whether steps are replays by now."""
        return self._graph is not None

    def __call__(
        self, rows: Sequence[Tensor], progress: Sequence[float], cosine: Sequence[float]
    ) -> None:
        """See :class:`Steps`."""
        schedule = torch.tensor((progress, cosine), dtype=torch.float64, device=rows[0].device).T
        whole = [rows_B for rows_B in rows if len(rows_B) == len(rows[0])]
        self._fill(torch.stack(whole), schedule[: len(whole)])
        for _ in whole:
            self._advance()
        if len(whole) < len(rows):  # the last batch is shorter
            self._step(rows[-1], *schedule[-1].unbind())

    def _fill(self, rows_SB: Tensor, schedule_S2: Tensor) -> None:
        """Lay the tables where the captured step reads them."""
        if self._tables is None:
            index_1 = torch.zeros(1, dtype=torch.int64, device=rows_SB.device)
            self._tables = _Tables(rows_SB.clone(), schedule_S2.clone(), index_1)
        else:
            self._tables.rows_SB.copy_(rows_SB)
            self._tables.schedule_S2.copy_(schedule_S2)
            self._tables.index_1.zero_()

    def _advance(self) -> None:
        if self._graph is not None:
            self._graph.replay()
            return
        if self._wanted:
            self._warm_up()
            self._n_eager += 1
            if self._wanted and self._n_eager == WARM_UP:
                self._capture()
        else:
            self._next_step()

    def _next_step(self) -> None:
        tables = self._tables
        assert tables is not None
        rows_B = tables.rows_SB.index_select(0, tables.index_1)[0]
        progress, cosine = tables.schedule_S2.index_select(0, tables.index_1)[0].unbind()
        self._step(rows_B, progress, cosine)
        tables.index_1.add_(1)

    def _warm_up(self) -> None:
        """Take a step on a stream of its own, and look whether it waits for the device."""
        stream, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(here)
        with torch.cuda.stream(stream), _waits() as waits:
            self._next_step()
        here.wait_stream(stream)
        # In the very first step also libraries wait, once.
        if waits and self._n_eager + 1 == WARM_UP:
            self._give_up(f"it waits for the device in {waits[-1]}")

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        generators = (torch.cuda.default_generators[torch.cuda.current_device()], self._step.draws)
        states = [generator.get_state() for generator in generators]
        graph.register_generator_state(self._step.draws)
        try:
            with torch.cuda.graph(graph):
                self._next_step()
        except RuntimeError as error:
            self._give_up(str(error).partition("\n")[0])
            for generator, state in zip(generators, states, strict=True):
                # A capture that fails leaves them in the state of one that goes on.
                generator.graphsafe_set_state(
                    torch.Generator(generator.device).graphsafe_get_state()
                )
                generator.set_state(state)
        else:
            self._graph = graph

    def _give_up(self, reason: str) -> None:
        self._wanted = False
        name = type(self._step.method).__name__
        _log.warning("%s: training steps are not captured as a CUDA graph: %s", name, reason)


@contextlib.contextmanager
def _waits() -> Iterator[list[str]]:
    """Where the block waits for the device: file and line, filled in at its end."""
    found: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
    found += [
        f"{warning.filename}:{warning.lineno}"
        for warning in caught
        if _SYNCHRONISES in str(warning.message)
    ]
