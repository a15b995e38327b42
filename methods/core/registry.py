"""A file in the package is the registration: there is no list to keep in step with the folder."""

from __future__ import annotations

import importlib
import pkgutil
import types
from typing import TypeVar

T = TypeVar("T")


def names_in(package: types.ModuleType) -> list[str]:
    """The modules of a package (not its sub-packages), sorted; imports none of them."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg)


def load_from(package: types.ModuleType, name: str, base: type[T], what: str) -> type[T]:
    """The one subclass of ``base`` that the package's module ``name`` defines.

    Raises:
        ValueError: no such module, or it does not define exactly one such class.
    """
    choices = names_in(package)
    if name not in choices:
        raise ValueError(f"unknown {what} {name!r}; choices: {', '.join(choices)}")
    module = importlib.import_module(f"{package.__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise ValueError(
            f"{what} {name!r}: {module.__file__} must define exactly one subclass of "
            f"{base.__name__}, found: {names}"
        )
    return found[0]
