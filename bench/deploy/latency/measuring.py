"""Measuring many runs at once: time, memory, size, and energy where there is a meter."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.deploy.latency.candidate import Candidate
from bench.deploy.latency.energy import Meter, meter
from bench.deploy.latency.machine import machine
from bench.deploy.latency.memory import LOADERS, peak_mib
from bench.deploy.latency.timing import Call, interleaved, median_interval
from bench.records.measurements import Measurement

LOG = logging.getLogger(__name__)

# A meter ticks about a thousand times a second: long enough for it to be no error.
_ENERGY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How it is measured.

    Attributes:
        threads: of a network; the runtimes are told before, see `bench.deploy.latency.__main__`.
        batch: images of the throughput batch.
        rounds: samples of every time.
        memory: measure peak memory too: two processes a run.
    """

    threads: int = 1
    batch: int = 64
    rounds: int = 50
    memory: bool = True


def measure(candidates: Sequence[Candidate], protocol: Protocol) -> list[Measurement]:
    """Measure all candidates against each other.

    Args:
        candidates: loaded; all of them stay in memory.
        protocol: how.

    Returns:
        One measurement a candidate, as `bench.records.measurements` keeps it.
    """
    described = machine(protocol.threads)
    LOG.info("timing %d runs, %d rounds", len(candidates), protocol.rounds)
    times = _times(candidates, protocol)
    energy = meter()
    LOG.info("memory%s", "" if energy is None else " and energy")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return [
        {
            "run_id": candidate.run_id,
            "measured_at": now,
            "machine": described,
            "protocol": asdict(protocol),
            "timings": times[candidate.run_id],
            "network": candidate.facts(),
            "memory_mib": dict(_memory(candidate, protocol)) if protocol.memory else {},
            "image_mj": {} if energy is None else dict(_energy(candidate, protocol, energy)),
        }
        for candidate in candidates
    ]


def _times(candidates: Sequence[Candidate], protocol: Protocol) -> dict[str, Any]:
    """[median, low, high] in milliseconds an image, by run, runtime and kind of batch."""
    batches = {"latency_ms": 1, "image_ms": protocol.batch}
    calls: dict[tuple[str, str, str], Call] = {
        (candidate.run_id, runtime, kind): candidate.call(runtime, n_images)
        for candidate in candidates
        for runtime in candidate.runs
        for kind, n_images in batches.items()
    }
    found: dict[str, Any] = {}
    for (run_id, runtime, kind), seconds in interleaved(calls, rounds=protocol.rounds).items():
        triple = median_interval(1000 * seconds / batches[kind])
        found.setdefault(run_id, {}).setdefault(runtime, {})[kind] = triple
    return found


def _memory(candidate: Candidate, protocol: Protocol) -> Iterator[tuple[str, float]]:
    images = candidate.images(protocol.batch)
    for runtime in LOADERS:
        peak = peak_mib(runtime, candidate.folder, images, candidate.masks(runtime))
        if peak is not None:
            yield runtime, peak


def _energy(
    candidate: Candidate, protocol: Protocol, counter: Meter
) -> Iterator[tuple[str, float]]:
    """Millijoules an image of the throughput batch, by runtime; the whole machine's."""
    for runtime in candidate.runs:
        call, n_calls = candidate.call(runtime, protocol.batch), 0
        before, start = counter.read(), time.perf_counter()
        while time.perf_counter() - start < _ENERGY_S:
            call()
            n_calls += 1
        yield runtime, 1000 * counter.joules(before, counter.read()) / (n_calls * protocol.batch)
