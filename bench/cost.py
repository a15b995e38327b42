"""What a method costs: fused multiply-adds (by fvcore) and parameters.

Counted twice: on the network that is exported (``Method.deployed()``: BatchNorm folded, the N stem
slices of the repeated image summed, heads merged), and on its layers as the paper counts them
(``Method.pruned()``).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from methods.core.backbone import ImageShape
from methods.core.merged import MergedNetwork
from methods.core.method import Predictor
from methods.core.network import Network

with warnings.catch_warnings():
    # On import fvcore scripts its own loss functions, which torch reports as deprecated.
    warnings.filterwarnings("ignore", message="`torch.jit.script`")
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import elementwise_flop_counter

# FLOPs outside every Network, for example an operation in a predictor's own forward.
OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of the prediction for one image.

    Attributes:
        flops: fused multiply-adds: one multiplication with its addition is one FLOP (fvcore's
            convention). Batch normalisation costs 2 per element, layer normalisation 5, an
            element-wise product or an averaged element 1; additions alone cost nothing.
        params: entries of all parameters, shared ones once. Buffers (running averages of batch
            normalisation, the members' weights) are not parameters.
        flops_by_part: FLOPs by module path. The parts of every network are its stem, each stage,
            and the adapter and linear layer of each exit head (one linear layer where the heads
            are merged); ``OTHER`` is what lies outside of them. They sum to ``flops``; parts
            without FLOPs are left out.
    """

    flops: int
    params: int
    flops_by_part: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Both counts of one method, each for the prediction for one image.

    Attributes:
        exported: the cost of the exported network.
        paper: the cost of the layers as trained, unused parts removed.
    """

    exported: Cost
    paper: Cost

    def as_dict(self) -> dict[str, int | dict[str, int]]:
        """As records hold them."""
        return {
            "flops": self.exported.flops,
            "params": self.exported.params,
            "paper_flops": self.paper.flops,
            "paper_params": self.paper.params,
            "flops_by_part": dict(self.exported.flops_by_part),
        }


def costs_of(pruned: Predictor, shape: ImageShape) -> Costs:
    """The costs of ``method.pruned()``, fused and as it is."""
    return Costs(exported=measure(pruned.fused(), shape), paper=measure(pruned, shape))


def measure(predictor: Predictor, shape: ImageShape) -> Cost:
    """Count one forward pass in evaluation mode on a CPU copy, with a batch of one image.

    The forward pass holds all members, so S passes, M tiles or M networks are counted as often as
    they are computed. Mixing the members' outputs is the benchmark's and not counted.

    Args:
        predictor: left as it is, and so are the random streams.
        shape: of one image.

    Returns:
        FLOPs as fvcore counts them (https://github.com/facebookresearch/fvcore, flop_count.md),
        with the element-wise operations of ``COUNTED_OPS`` added.

    Raises:
        ValueError: the predictor uses an operation that is neither counted nor known to be free.
    """
    copied = copy.deepcopy(predictor).cpu().eval()
    analysis = FlopCountAnalysis(copied, torch.zeros(1, *shape))
    analysis.set_op_handle(**COUNTED_OPS, **dict.fromkeys(FREE_OPS))
    # fvcore would log what it cannot count, which is an error here, and modules without
    # operations; torch would warn that a trace is bound to its shapes, which is all we want of it.
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    # The copy lives on the CPU: no other device's random stream is drawn from.
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        flops_by_module = analysis.by_module()
    _refuse_uncounted(analysis, copied)
    flops = int(flops_by_module[""])
    by_part = {path: int(flops_by_module[path]) for path in _part_paths(copied)}
    by_part[OTHER] = flops - sum(by_part.values())
    return Cost(
        flops=flops,
        params=sum(values.numel() for values in copied.parameters()),
        flops_by_part={path: count for path, count in by_part.items() if count},
    )


def _products(_inputs: list[Any], outputs: list[Any]) -> int:
    """The elements of a product of floats; fvcore passes lists of ``torch._C.Value``."""
    kind = outputs[0].type()
    # A trace also holds the integer arithmetic on shapes: it is no work on features.
    if kind.scalarType() == "Long":
        return 0
    return int(torch.Size(kind.sizes()).numel())


# What fvcore has no handler of its own for.
COUNTED_OPS = {
    # BatchEnsemble's r and s, and the scale of attention scores.
    "aten::mul": _products,
    # A global average written as a mean costs what fvcore takes for adaptive_avg_pool2d.
    "aten::mean": elementwise_flop_counter(input_scale=1, output_scale=0),
}

# Free besides what fvcore ignores by itself: moves (view, cat, index, expand, transpose, ...),
# ReLU, and dropout with the product by its mask.
FREE_OPS = (
    # A FLOP is a multiply-add, and fvcore takes no account of additions alone (biases neither):
    # residual connections, BatchEnsemble's biases, position embeddings.
    "aten::add",
    "aten::add_",
    # Copies, as the expand that fvcore ignores: the inputs of SAE, passes, tiles and factors.
    "aten::repeat",
    "aten::repeat_interleave",
    # Comparisons only, as fvcore's ReLU and max.
    "aten::max_pool2d",
    "aten::relu_",
    # Dropout of whole channels, as that of entries.
    "aten::feature_dropout",
    # fvcore counts no activation function; softmax is the one of attention.
    "aten::gelu",
    "aten::softmax",
)


def _part_paths(predictor: Predictor) -> Iterator[str]:
    """Disjoint module paths that cover the computation of every network in the predictor."""
    for path, module in predictor.named_modules():
        if isinstance(module, Network | MergedNetwork):
            yield from (f"{path}.{part}".lstrip(".") for part in _parts(module))


def _parts(network: Network | MergedNetwork) -> Iterator[str]:
    yield "backbone.stem"
    for index in range(len(network.backbone.stages)):
        yield f"backbone.stages.{index}"
    if isinstance(network, MergedNetwork):
        yield from (f"adapters.{depth}" for depth in network.adapters)
        yield "linear"
        return
    for depth in network.heads:
        yield f"heads.{depth}.adapter"
        yield f"heads.{depth}.linear"


def _refuse_uncounted(analysis: FlopCountAnalysis, predictor: Predictor) -> None:
    # Parents come before their children, so what stays is an innermost module.
    where = {
        op: path or type(predictor).__name__
        for path, _ in predictor.named_modules()
        for op in analysis.unsupported_ops(path)
    }
    if where:
        found = ", ".join(f"{op} (in {path})" for op, path in sorted(where.items()))
        raise ValueError(
            f"operation without a known cost: {found}; give it a count in COUNTED_OPS, or list it "
            "in FREE_OPS with the reason, in bench/cost.py"
        )
