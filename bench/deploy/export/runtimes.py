"""An exported network's files as functions from arrays to arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor

from bench.deploy.export.formats import IMAGES, KEEP, ONNX, PT2

# uint8 images (B, H, W, Q) and, or None, masks (K, S, T) to outputs by name.
Run = Callable[
    [npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None], dict[str, npt.NDArray[np.float32]]
]


def torch_run(network: Callable[..., dict[str, Tensor]]) -> Run:
    """Run a module of torch, exported or not."""

    def run(
        images_BHWQ: npt.NDArray[np.uint8], keep_KST: npt.NDArray[np.bool_] | None
    ) -> dict[str, npt.NDArray[np.float32]]:
        arrays = [images_BHWQ] if keep_KST is None else [images_BHWQ, keep_KST]
        with torch.inference_mode():
            outputs = network(*map(torch.from_numpy, arrays))
        return {name: values.numpy() for name, values in outputs.items()}

    return run


def pt2_run(folder: Path) -> Run:
    """Run an exported network by torch."""
    return torch_run(torch.export.load(folder / PT2).module())


def onnx_run(folder: Path, *, threads: int = 1) -> Run:
    """Run an exported network by ONNX Runtime; without masks it takes its default ones."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3  # it warns of inputs that are optional, which masks are
    session = onnxruntime.InferenceSession(
        folder / ONNX, options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(
        images_BHWQ: npt.NDArray[np.uint8], keep_KST: npt.NDArray[np.bool_] | None
    ) -> dict[str, npt.NDArray[np.float32]]:
        feeds: dict[str, Any] = {IMAGES: images_BHWQ}
        if keep_KST is not None:
            feeds[KEEP] = keep_KST
        return dict(zip(names, session.run(names, feeds), strict=True))

    return run
