"""Measuring many runs at once: time, memory, size, and energy where there is a meter."""

import datetime
import importlib.metadata
import logging
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.deploy.export.exported import Exported
from bench.deploy.export.runtimes import torch_run
from bench.deploy.export.trained import Trained
from bench.deploy.latency.candidate import Candidate
from bench.deploy.latency.energy import Meter, meter
from bench.deploy.latency.memory import LOADERS, peak_mib
from bench.deploy.latency.timing import Call, Key, interleaved, median_interval
from bench.records.measurements import Measurement
from bench.runs.environment import processor

# By kind of batch: [median, low, high], see `median_interval`.
Times = dict[str, tuple[float, float | None, float | None]]

LOG = logging.getLogger(__name__)

_PACKAGES = ("torch", "onnxruntime", "numpy")
# A meter ticks about a thousand times a second: long enough for it to be no error.
_ENERGY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The protocol of a measurement.

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


_AT_ONCE = Protocol(rounds=25, memory=False)


def measure(candidates: Sequence[Candidate], protocol: Protocol) -> list[Measurement]:
    """Measure all candidates against each other.

    Returns:
        One measurement a candidate, as `bench.records.measurements` keeps it.
    """
    LOG.info("timing %d runs, %d rounds", len(candidates), protocol.rounds)
    keys = [(each, runtime) for each in range(len(candidates)) for runtime in candidates[each].runs]
    found = times(lambda key, n: candidates[key[0]].call(key[1], n), keys, protocol)
    energy = meter()
    LOG.info("memory%s", "" if energy is None else " and energy")
    return [
        measurement(
            candidate.run_id,
            protocol,
            {runtime: found[index, runtime] for runtime in candidate.runs},
            network=candidate.facts(),
            memory_mib=dict(_memory(candidate, protocol)) if protocol.memory else {},
            image_mj={} if energy is None else dict(_energy(candidate, protocol, energy)),
        )
        for index, candidate in enumerate(candidates)
    ]


def times(
    call: Callable[[Key, int], Call], keys: Iterable[Key], protocol: Protocol
) -> dict[Key, Times]:
    """Milliseconds per image, alone and in a batch, of calls that are measured in turns."""
    batches = {"latency_ms": 1, "image_ms": protocol.batch}
    calls = {(key, kind): call(key, n) for key in keys for kind, n in batches.items()}
    found: dict[Key, Times] = {}
    for (key, kind), seconds in interleaved(calls, rounds=protocol.rounds).items():
        found.setdefault(key, {})[kind] = median_interval(1000 * seconds / batches[kind])
    return found


def measurement(
    run_id: str, protocol: Protocol, timings: Mapping[str, Times], **more: dict[str, float]
) -> Measurement:
    """A run's entry for `bench.records.measurements`, made now on this machine."""
    return {
        "run_id": run_id,
        "measured_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(protocol.threads),
        "protocol": asdict(protocol),
        "timings": dict(timings),
        "network": {},
        "memory_mib": {},
        "image_mj": {},
        **more,
    }


def measured_at_once(trained: Trained, protocol: Protocol = _AT_ONCE) -> Measurement:
    """The times of the deployed network in torch; where it drops, drawing the masks is in them."""
    run = torch_run(Exported.of(trained, trained.method.deployed(), draws=True))

    def call(_runtime: str, n_images: int) -> Callable[[], object]:
        images = np.zeros((n_images, *trained.dataset.image_shape), dtype=np.uint8)
        return lambda: run(images, None)

    return measurement(trained.record.run_id, protocol, times(call, ["eager"], protocol))


def machine(threads: int) -> dict[str, Any]:
    """The machine as JSON values; ``threads`` is how many a network was given."""
    return {
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        # Runnable processes: well above 0 beside one's own means that the times are of a busy
        # machine.
        "load": round(os.getloadavg()[0], 2),
    }


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
