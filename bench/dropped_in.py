"""Packages in which dropping in a file is the registration: its name is its command line name."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bench.errors import unknown


@dataclass(frozen=True, kw_only=True)
class DroppedIn:
    """The modules of a package that offer a function of one name.

    Attributes:
        package: dotted name.
        function: that every such module has.
        kind: what one is called in messages.
        others: modules of the package that are none; packages in it never are.
    """

    package: str
    function: str
    kind: str
    others: frozenset[str]

    def names(self) -> tuple[str, ...]:
        """The names of all, sorted."""
        path = importlib.import_module(self.package).__path__
        found = {module.name for module in pkgutil.iter_modules(path) if not module.ispkg}
        return tuple(sorted(found - self.others))

    def module(self, name: str) -> ModuleType:
        """The module of that name."""
        names = self.names()
        if name not in names:
            raise unknown(self.kind, name, names)
        module = importlib.import_module(f"{self.package}.{name}")
        if not hasattr(module, self.function):
            raise ValueError(
                f"{module.__file__} has no function {self.function}(frames), see {self.package}"
            )
        return module

    def load(self, name: str) -> Callable[..., Any]:
        """Its function; raises as `module`."""
        found: Callable[..., Any] = getattr(self.module(name), self.function)
        return found
