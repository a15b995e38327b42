"""Packages in which dropping in a file is the registration: its name is its command line name."""

import importlib
from dataclasses import dataclass
from types import ModuleType

from bench.errors import unknown
from methods.core.registry import modules_in


@dataclass(frozen=True, kw_only=True)
class DroppedIn:
    """The modules of a package that offer a function of one name.

    Attributes:
        package: dotted name.
        kind: what one is called in messages; the function of a module is its plural.
        others: modules of the package that are none; see `modules_in` for what never is.
    """

    package: str
    kind: str
    others: frozenset[str]

    def names(self) -> tuple[str, ...]:
        """The names of all, sorted."""
        return tuple(sorted(modules_in(self.package) - self.others))

    def module(self, name: str) -> ModuleType:
        """The module of that name."""
        names = self.names()
        if name not in names:
            raise unknown(self.kind, name, names)
        module = importlib.import_module(f"{self.package}.{name}")
        if not hasattr(module, function := f"{self.kind}s"):
            raise ValueError(
                f"{module.__file__} has no function {function}(frames), see {self.package}"
            )
        return module
