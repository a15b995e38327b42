"""Methods: every ``*.py`` here is one, and its file name is its name on the command line.

Names that begin with an underscore are no methods. Methods from outside: see `Registry`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from methods.core.registry import Registry

if TYPE_CHECKING:
    from methods.core.method import Method

METHODS = Registry(
    package=__name__, kind="method", variable="SAE_BENCH_METHODS", group="sae_bench.methods"
)
sys.meta_path.append(METHODS)


def method_names() -> list[str]:
    """All methods, sorted; imports none of them (and no torch)."""
    return METHODS.names()


def load_method(name: str) -> type[Method[Any]]:
    """The class of a method.

    Raises:
        ValueError: unknown name; the message lists the choices.
    """
    from methods.core.method import Method

    return METHODS.load(name, Method)  # type: ignore[type-abstract]
