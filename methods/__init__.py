"""Methods: every ``*.py`` here is one, and its file name is its name on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from methods.core.registry import load_from, names_in

if TYPE_CHECKING:
    from methods.core.method import Method


def method_names() -> list[str]:
    """All methods, sorted; imports none of them (and no torch)."""
    return names_in(sys.modules[__name__])


def load_method(name: str) -> type[Method[Any]]:
    """The class of a method.

    Raises:
        ValueError: unknown name; the message lists the choices.
    """
    from methods.core.method import Method

    return load_from(sys.modules[__name__], name, Method, "method")  # type: ignore[type-abstract]
