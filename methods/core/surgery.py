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
    found = [(p, layer) for p, layer in root.named_modules() if p and isinstance(layer, kinds)]
    for index, (path, layer) in enumerate(found):
        parent, _, name = path.rpartition(".")
        setattr(root.get_submodule(parent), name, make(index, layer))
    return len(found)
