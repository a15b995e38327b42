"""Peak memory of an exported network: loading it and predicting one batch, in a fresh process."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.deploy.export.runtimes import Run, onnx_run, pt2_run

_STATUS = Path("/proc/self/status")
LOADERS: dict[str, Callable[[Path], Run]] = {"pt2": pt2_run, "onnx": onnx_run}


def peak_mib(
    runtime: str,
    folder: Path,
    images_BHWQ: npt.NDArray[np.uint8],
    keep_KST: npt.NDArray[np.bool_] | None,
) -> float | None:
    """MiB that a process grows by at most when it loads a network and predicts a batch.

    The libraries are loaded before, so it is what the network adds to them. Each call is a new
    process, forked from one that has done nothing but import: no network before it has left memory
    that this one could use.

    Returns:
        None where the system does not say (it is Linux that does).
    """
    if not _STATUS.exists():
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_grown, runtime, folder, images_BHWQ, keep_KST).result()


def _grown(runtime: str, folder: Path, images: Any, keep: Any) -> float:
    import torch

    torch.set_num_threads(1)
    before = _kib("VmRSS")
    LOADERS[runtime](folder)(images, keep)
    return (_kib("VmHWM") - before) / 1024


def _kib(key: str) -> int:
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[key].split()[0])
