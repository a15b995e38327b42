"""Training steps of SAE-VGG in this process, with freed memory kept or as glibc has it by default.

Prints the median seconds of a step.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from bench.deploy.latency.timing import interleaved
from bench.executors.allocator import keep_freed_memory
from perf.speed.choices import network_of
from perf.speed.step import BATCH
from perf.speed.training_call import training_call


def main(kept: bool, steps: int) -> float:
    """Median seconds of a step's forward and backward pass."""
    torch.set_num_threads(1)
    if kept:
        keep_freed_memory()
    step = training_call(network_of("VGG"), torch.randn(BATCH, 6, 28, 28))
    return float(np.median(interleaved({"step": step}, rounds=steps)["step"]))


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1] == 'kept', int(sys.argv[2]))}\n")
