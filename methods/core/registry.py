"""A file is the registration: there is no list to keep in step with the folder.

The one place that finds modules and imports files, for `bench` too; imports nothing heavy.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def modules_in(package: str) -> set[str]:
    """The names of a package's modules; packages and names with an underscore first are none."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return {m.name for m in found if not m.ispkg and not m.name.startswith("_")}


def files_of(variable: str) -> list[Path]:
    """The files that an environment variable names."""
    texts = filter(None, os.environ.get(variable, "").split(os.pathsep))
    return [Path(text).expanduser().resolve() for text in texts]


def imported(what: str, name: str, file: Path | None = None) -> ModuleType:
    """A module by its dotted name, made of the file if one is given; a mistake: ValueError."""
    try:
        if file is None:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]
    except Exception as error:
        sys.modules.pop(name, None)
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what} cannot be imported: {reason}") from error


@dataclass(frozen=True, kw_only=True)
class Registry(MetaPathFinder):
    """The modules that each define one class of a kind.

    A module is found in one of three places:

    - the package itself, apart from names that begin with an underscore;
    - a file that an environment variable names, which worker processes inherit: it is imported as
      ``PACKAGE.NAME``, so that objects of its classes can be pickled;
    - an installed package, by an entry point whose value is the dotted name of a module.

    Attributes:
        package: dotted name of the package whose files are registered.
        kind: what one is called in messages.
        variable: environment variable with further files, separated by ``os.pathsep``.
        group: group of entry points.
    """

    package: str
    kind: str
    variable: str
    group: str

    def names(self) -> list[str]:
        """All names, sorted; imports none of the modules."""
        return sorted({*modules_in(self.package), *self._files(), *self._installed()})

    def add_file(self, path: Path) -> str:
        """Register a file for this process and those that it starts.

        Returns:
            The name: that of the file without ``.py``.

        Raises:
            ValueError: no such file, a name that is no identifier, or one that is taken.
        """
        path = path.expanduser().resolve()
        name, files = path.stem, self._files()
        if not path.is_file():
            raise ValueError(f"{self.kind} {path}: there is no such file")
        if path.suffix != ".py" or not name.isidentifier() or name.startswith("_"):
            raise ValueError(
                f"{self.kind} {path}: must be NAME.py, where NAME is an identifier and does not "
                "begin with an underscore"
            )
        if files.get(name) == path:
            return name
        if name in self.names():
            where = files.get(name, f"the package {self.package}")
            raise ValueError(
                f"{self.kind} {path}: {where} has the name {name!r} already; rename the file"
            )
        os.environ[self.variable] = os.pathsep.join(map(str, [*files.values(), path]))
        return name

    def load(self, name: str, base: type[T]) -> type[T]:
        """The one subclass of ``base`` that the module ``name`` defines.

        Raises:
            ValueError: no such module, one that cannot be imported, or one that does not define
                exactly one such class.
        """
        module = self._module(name)
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
                f"{self.kind} {name!r}: {module.__file__} must define exactly one subclass of "
                f"{base.__name__}, found: {names}"
            )
        return found[0]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where ``import PACKAGE.NAME`` finds a file of the environment variable."""
        package, _, name = fullname.rpartition(".")
        if package != self.package or name not in (files := self._files()):
            return None
        return importlib.util.spec_from_file_location(fullname, files[name])

    def _module(self, name: str) -> ModuleType:
        if name in modules_in(self.package):
            return importlib.import_module(f"{self.package}.{name}")
        outside = {each: f"{self.package}.{each}" for each in self._files()} | self._installed()
        if name not in outside:
            raise ValueError(
                f"unknown {self.kind} {name!r}; choices: {', '.join(self.names())}; the "
                f"environment variable {self.variable} names files with more"
            )
        where = self._files().get(name, outside[name])
        return imported(f"{self.kind} {where}", outside[name])

    def _files(self) -> dict[str, Path]:
        return {path.stem: path for path in files_of(self.variable)}

    def _installed(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # not for the views

        points = entry_points(group=self.group)
        return {point.value.rpartition(".")[2]: point.value for point in points}
