"""What binds the step of a small network: its matrix products, or the operations around them.

And what the exits as stacked operations would give: the adapters and heads of all exits depend on
nothing of each other, so each kind can be one batched product and one norm over the stack. That
needs copies, which take as long as what they save; so the networks do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench.deploy.latency.timing import interleaved
from bench.runs.execute import prepare_process
from methods.core.exits import Head
from methods.core.network import Network
from perf.speed.part import Measured
from perf.speed.problems import configs
from perf.speed.row import Row
from perf.speed.step import BATCH, NETWORKS, epoch, random_dataset

Forward = Callable[[Network, Tensor], Tensor]
_PRODUCTS = ("addmm", "mm", "baddbmm", "bmm")
# Views and allocations do no work of their own.
_FREE = ("t", "view", "_unsafe_view", "transpose", "detach", "expand", "unsqueeze", "select",
         "split", "unbind", "as_strided", "permute", "empty", "empty_like", "alias")  # fmt: skip


def measure(*, quick: bool) -> Measured:
    """The step, its products alone, and the step with stacked exits, in turns on one thread."""
    prepare_process()
    problem = NETWORKS["FC"]
    (config,) = configs(problem.dataset, epochs=1, assignments=problem.assignments)
    dataset = random_dataset(problem, problem.steps * BATCH)
    train = epoch(config, dataset)
    with _Recorded() as recorded:
        train()
    products = recorded.products[: len(recorded.products) // problem.steps]
    n_others = recorded.n_others // problem.steps
    calls: dict[str, Callable[[], object]] = {"step": train, "products": lambda: _replay(products)}
    for name, forward in STACKED.items():
        calls[name] = replaced(forward)(epoch(config, dataset))
    taken = interleaved(calls, rounds=3 if quick else 25)
    epoch_s, products_s = (float(np.median(taken[name])) for name in ("step", "products"))
    step_s = epoch_s / problem.steps
    rest_us = 1e6 * (step_s - products_s) / n_others
    rows = [
        Row(
            quantity="FC step: its matrix products alone", value=1e3 * products_s, unit="ms",
            remark=f"{len(products)} products, {100 * products_s / step_s:.0f}% of the step",
        ),
        Row(
            quantity="FC step: what an operation that is no product takes", value=rest_us,
            unit="us", remark=f"{n_others} of them, views and allocations not counted",
        ),
    ]  # fmt: skip
    for name in STACKED:
        ratios = taken[name] / taken["step"]
        low, high = np.quantile(ratios, (0.25, 0.75))
        rows.append(
            Row(
                quantity=f"FC step: {name} stacked / as it is", value=float(np.median(ratios)),
                unit="x", remark=f"{low:.2f} to {high:.2f}, the quartiles over rounds",
            )
        )  # fmt: skip
    return Measured(rows=rows)


def heads_stacked(network: Network, x_BQHW: Tensor) -> Tensor:
    """As ``Network.forward``, with the linear layers of all heads as one batched product."""
    heads = _heads(network)
    features = _features(network, x_BQHW)
    adapted = [head.adapter(each) for head, each in zip(heads, features, strict=True)]
    return _outputs(heads, torch.stack(adapted))


def exits_stacked(network: Network, x_BQHW: Tensor) -> Tensor:
    """As ``Network.forward`` of an FC network in training, with all adapters stacked as well."""
    heads = _heads(network)
    *early, last_BF = _features(network, x_BQHW)
    linears = [head.adapter.get_submodule("0") for head in heads[:-1]]
    norms: list[Any] = [head.adapter.get_submodule("1") for head in heads[:-1]]
    mapped_EBF = _batched(linears, torch.stack(early))
    n_exits, batch, width = mapped_EBF.shape
    means, variances = ([getattr(n, f"running_{x}") for n in norms] for x in ("mean", "var"))
    mean, variance = torch.cat(means), torch.cat(variances)
    normed = F.batch_norm(
        mapped_EBF.transpose(0, 1).reshape(batch, n_exits * width), mean, variance,
        torch.cat([norm.weight for norm in norms]), torch.cat([norm.bias for norm in norms]),
        training=True, momentum=norms[0].momentum, eps=norms[0].eps,
    )  # fmt: skip
    for buffers, whole in ((means, mean), (variances, variance)):
        torch._foreach_copy_(buffers, list(torch.split(whole, width)))
    adapted_BEF = F.relu(normed, inplace=True).view(batch, n_exits, width)
    return _outputs(heads, torch.cat((adapted_BEF, last_BF[:, None]), dim=1).transpose(0, 1))


STACKED: dict[str, Forward] = {"heads": heads_stacked, "adapters and heads": exits_stacked}


def _heads(network: Network) -> list[Head]:
    return [head for head in network.heads.values() if isinstance(head, Head)]


def _features(network: Network, x_BQHW: Tensor) -> list[Tensor]:
    features = [network.backbone.stem(x_BQHW)]
    for stage in network.backbone.stages:
        features.append(stage(features[-1]))
    return [features[int(depth)] for depth in network.heads]


def _outputs(heads: Sequence[Head], adapted_EBF: Tensor) -> Tensor:
    outputs_EBO = _batched([head.linear for head in heads], adapted_EBF)
    return outputs_EBO.transpose(0, 1).reshape(adapted_EBF.shape[1], -1, heads[0].n_outputs)


def _batched(layers: Sequence[nn.Module], x_EBF: Tensor) -> Tensor:
    weight, bias = (torch.stack([getattr(each, x) for each in layers]) for x in ("weight", "bias"))
    return torch.baddbmm(bias[:, None], x_EBF, weight.mT)


@contextmanager
def replaced(forward: Forward) -> Iterator[None]:
    """Let all networks be computed by ``forward`` within the block, or the decorated function."""
    before = Network.forward
    Network.forward = forward  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Network.forward = before  # type: ignore[method-assign]


class _Recorded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The products with their operands, and the number of other operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: list[tuple[Any, Any]] = []
        self.n_others = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in _PRODUCTS:
            self.products.append((func, args))
        elif name not in _FREE:
            self.n_others += 1
        return func(*args, **(kwargs or {}))


def _replay(products: Sequence[tuple[Any, Any]]) -> None:
    for func, args in products:
        func(*args)
