"""The matrix products and convolutions of training steps: by themselves, and within the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from bench.deploy.latency.timing import interleaved

_ATEN = torch.ops.aten
PRODUCTS = (
    _ATEN.mm.default, _ATEN.addmm.default, _ATEN.bmm.default, _ATEN.baddbmm.default,
    _ATEN.convolution.default, _ATEN.convolution_backward.default,
)  # fmt: skip
# What the profiler calls them, below their entry points.
_PROFILED = {
    "aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::mkldnn_convolution",
    "aten::_slow_conv2d_forward", "aten::convolution_backward",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Product:
    """One call of a kernel, as a step made it: shapes and layouts included."""

    kernel: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __call__(self) -> object:
        """Make the same call again."""
        return self.kernel(*self.args, **self.kwargs)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[Product] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in PRODUCTS:
            self.found.append(Product(kernel=func, args=args, kwargs=kwargs or {}))
        return result


def products_of(step: Callable[[], object]) -> list[Product]:
    """All products that one training step computes, forward and backward."""
    recorder = _Recorder()
    with recorder:
        step()
    return recorder.found


def floor(products: Sequence[Product], *, rounds: int) -> float:
    """Seconds of all products, each called by itself again and again: what binds the kernels."""
    with torch.no_grad():
        taken = interleaved(dict(enumerate(products)), rounds=rounds)
    return float(sum(np.median(seconds) for seconds in taken.values()))


@dataclass(frozen=True, kw_only=True)
class Within:
    """What the profiler sees in steps.

    Attributes:
        products: seconds of the products in a step.
        others: how many other operations a step calls, views included; what they call in turn is
            theirs.
    """

    products: float
    others: float


def within(steps: Callable[[], object], n_steps: int) -> Within:
    """Profile a call of ``n_steps`` training steps."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        steps()
    events = [event for event in profiled.events() if _is_aten(event)]
    products = [event for event in events if event.name in _PROFILED]
    outermost = [e for e in events if not (e.cpu_parent and _is_aten(e.cpu_parent))]
    return Within(
        products=1e-6 * sum(event.self_cpu_time_total for event in products) / n_steps,
        others=(len(outermost) - len(products)) / n_steps,
    )


def _is_aten(event: Any) -> bool:
    return str(event.name).startswith("aten::")
