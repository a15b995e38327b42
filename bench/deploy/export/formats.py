"""An exported network's file formats: torch.export, ONNX, safetensors."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import safetensors.torch
import torch
from onnx import numpy_helper
from torch.export import Dim, ExportedProgram

from bench.deploy.export.exported import Exported

PT2, ONNX, WEIGHTS = "network.pt2", "network.onnx", "weights.safetensors"

# The names of the inputs, in all formats.
IMAGES, KEEP = "images", "keep"

# Any number that is not 1: torch.export would take a size of 1 for a constant.
_EXAMPLES = 3


def to_program(
    exported: Exported, image: tuple[int, int, int], masks: tuple[int, int] | None
) -> ExportedProgram:
    """Trace a network for batches of any size.

    Args:
        exported: the network.
        image: (H, W, Q).
        masks: (S, T) where it takes masks, see `bench.deploy.export.exported.masks_shape`.
    """
    arguments = [torch.zeros(_EXAMPLES, *image, dtype=torch.uint8)]
    sizes = [{0: Dim("batch", min=1)}]
    if masks is not None:
        # As many as images, so that both ways to give masks are in the trace: see Exported.
        arguments.append(torch.ones(_EXAMPLES - 1, *masks, dtype=torch.bool))
        sizes.append({0: Dim("masks", min=1)})
    return torch.export.export(exported, tuple(arguments), dynamic_shapes=tuple(sizes))


def write(
    folder: Path,
    program: ExportedProgram,
    *,
    output_names: list[str],
    masks: npt.NDArray[np.bool_] | None,
    metadata: Mapping[str, str],
) -> None:
    """Write all three formats into ``folder``.

    Args:
        folder: exists.
        program: the traced network.
        output_names: names of its outputs, in order.
        masks: the default masks (K, S, T) of a network that takes some.
        metadata: kept in the ONNX file.
    """
    torch.export.save(program, folder / PT2)
    model = to_onnx(program, output_names=output_names, masks=masks, metadata=metadata)
    onnx.save(model, folder / ONNX)
    state = {name: value.detach().contiguous() for name, value in program.state_dict.items()}
    if masks is not None:
        state[KEEP] = torch.from_numpy(masks)
    # Not save_file, whose files only their owner may read.
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(state, metadata=dict(metadata)))


def to_onnx(
    program: ExportedProgram,
    *,
    output_names: list[str],
    masks: npt.NDArray[np.bool_] | None,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """The traced network as an ONNX model; arguments as of :func:`write`."""
    input_names = [IMAGES] if masks is None else [IMAGES, KEEP]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, of torch's own code
        exported = torch.onnx.export(
            program, dynamo=True, input_names=input_names, output_names=output_names, verbose=False
        )
    assert exported is not None
    outputs = exported.model.graph.outputs
    for node in exported.model.graph:
        for value in node.outputs:
            # The exporter names a value by its operation: a "mean" inside is not the one put out.
            if value.name in output_names and value not in outputs:
                value.name = f"{value.name}_inside"
    model = exported.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces of the exporting machine
    if masks is not None:
        # An initial value of the same name makes an input optional (ONNX IR, "Graphs").
        model.graph.initializer.append(numpy_helper.from_array(masks, KEEP))
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model
