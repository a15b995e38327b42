"""Versions, code and machine: the facts in a record of where its numbers were made."""

import functools
import importlib.metadata
import platform
import resource
import subprocess
from pathlib import Path

import torch

from bench.records.schema import Cpu, Environment

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "fvcore", "imaug", "medmnist")
_ROOT = Path(__file__).resolve().parents[2]
_CODE = ("bench", "methods")
_CPUINFO = Path("/proc/cpuinfo")


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


def processor() -> str:
    """The processor's model, as the system gives it."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@functools.cache
def git_commit() -> str | None:
    """The commit of this code, with "+changes" where its files differ from it or are untracked.

    None outside a clone: installed from an archive.
    """
    try:
        if Path(_git("rev-parse", "--show-toplevel")).resolve() != _ROOT:
            return None  # installed below the clone of something else
        commit = _git("rev-parse", "HEAD")
        # Untracked files too: a method that was dropped in is code.
        changes = _git("status", "--porcelain", "--untracked-files=all", "--", *_CODE)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changes else commit


def _git(*arguments: str) -> str:
    # Git refuses a clone of another owner, such as one mounted into a container, as "dubious":
    # its hooks and programs could be run. These commands run none.
    safe = ["-c", f"safe.directory={_ROOT}", "-c", "core.fsmonitor=false"]
    command = ["git", "-C", str(_ROOT), *safe, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return answer.stdout.strip()
