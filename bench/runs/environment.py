"""Versions, code and machine: what a record says of where its numbers were made."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import resource
import subprocess
from pathlib import Path

import torch

from bench.records.schema import Cpu, Environment
from bench.runs.processor import processor

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "fvcore", "imaug", "medmnist")


def environment(device: torch.device) -> Environment:
    """Versions, code and machine of a run."""
    on_gpu = device.type == "cuda"
    return Environment(
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        git_commit=git_commit(),
        device=torch.cuda.get_device_name(device) if on_gpu else "cpu",
        machine=platform.machine(),
        threads=torch.get_num_threads(),
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        cpu=Cpu(model=processor(), capability=torch.backends.cpu.get_cpu_capability()),
    )


@functools.cache
def git_commit() -> str | None:
    """The commit of this code, with "+changes" where the tree differs from it."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+changes"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None  # installed from an archive
    return answer.stdout.strip()
