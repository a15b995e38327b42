"""Training steps of SAE-VGG in this process, with freed memory kept or as glibc has it by default.

Prints the median seconds of a step.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from bench.allocator import keep_freed_memory
from bench.run import build
from benchmarks.speed.problems import configs
from benchmarks.speed.step import BATCH, NETWORKS, random_dataset
from benchmarks.speed.training_call import training_call
from methods.sae import SAE


def main(kept: bool, steps: int) -> float:
    """Median seconds of a step's forward and backward pass."""
    torch.set_num_threads(1)
    if kept:
        keep_freed_memory()
    (config,) = configs("blood", epochs=1)
    method = build(config, random_dataset(NETWORKS["VGG"], 1))
    assert isinstance(method, SAE)
    call = training_call(method.network, torch.randn(BATCH, 6, 28, 28))
    call()
    taken = []
    for _ in range(steps):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1] == 'kept', int(sys.argv[2]))}\n")
