"""Replacing layers of a built network: collect first, replace after."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def replace_layers(
    root: nn.Module,
    kinds: tuple[type[nn.Module], ...],
    make: Callable[[int, nn.Module], nn.Module],
) -> int:
    """Replace every layer of ``kinds`` below ``root`` by ``make(index, layer)``, in place.

    Args:
        root: not replaced itself.
        kinds: the types to look for.
        make: gets the layer's index in definition order (0 = the first: the input layer).

    Returns:
        How many layers were replaced.
    """
    # Collected before the first replacement: a replacement may contain the layer it replaces.
    found = [
        (parent, name, child)
        for parent in root.modules()
        for name, child in parent.named_children()
        if isinstance(child, kinds)
    ]
    for index, (parent, name, child) in enumerate(found):
        setattr(parent, name, make(index, child))
    return len(found)
