"""A forward and a backward pass, as a call that can be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn


def training_call(network: nn.Module, x_BQHW: Tensor) -> Callable[[], object]:
    """Forward and backward of a loss of all outputs; gradients are new each time."""
    return differentiated(lambda: network(x_BQHW), network.parameters())


def differentiated(
    forward: Callable[[], Tensor], parameters: Iterable[Tensor]
) -> Callable[[], object]:
    """A call that takes the gradients of the mean square of what ``forward`` gives."""
    kept = list(parameters)

    def call() -> None:
        for parameter in kept:
            parameter.grad = None
        forward().square().mean().backward()  # type: ignore[no-untyped-call]

    return call
