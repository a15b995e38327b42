"""Imports go one way, concepts have a file each: the shape of the code, read from its source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("bench", "methods") for path in (ROOT / top).rglob("*.py"))
LONGEST_FILE = 250
PRETENDS = {"utils", "util", "misc", "helpers", "helper", "common"}
RECORD_READERS = (
    "bench.claims", "bench.figures", "bench.pareto", "bench.report", "bench.selection",
    "bench.statistics", "bench.tables",
)  # fmt: skip
every_file = pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES]
)


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Dotted names that a source imports, at any place: in functions and for typing too.

    ``from a.b import c`` counts as a.b.c, which is a module or a name in the module a.b.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            kept = package[: len(package) - node.level + 1] if node.level else []
            start = [*kept, *([node.module] if node.module else [])]
            found |= {".".join([*start, alias.name]) for alias in node.names}
    return found


def imports_of(path: Path) -> set[str]:
    is_package = path.name == "__init__.py"
    return imports(path.read_text(), module_name(path), is_package=is_package)


def below(name: str, *packages: str) -> bool:
    """Whether ``name`` is one of the packages or something in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def breaches(files: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{module_name(path)} imports {name}"
        for path in files
        for name in sorted(imports_of(path))
        if below(name, *forbidden)
    ]


def files_below(*packages: str) -> list[Path]:
    return [path for path in FILES if below(module_name(path), *packages)]


def method_files() -> Iterator[Path]:
    return (path for path in (ROOT / "methods").glob("*.py") if path.stem != "__init__")


def test_the_source_is_there() -> None:
    assert {"methods.sae", "methods.core.method", "bench.metrics"} <= set(map(module_name, FILES))
    assert sum(1 for _ in method_files()) >= 5


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import a.b, c as d", {"a.b", "c"}),
        ("from a.b import c, d", {"a.b.c", "a.b.d"}),
        ("def f():\n    from a import b", {"a.b"}),
        ("if TYPE_CHECKING:\n    import a", {"a"}),
        ("from . import x", {"p.q.x"}),
        ("from .r import x", {"p.q.r.x"}),
        ("from .. import x", {"p.x"}),
        ("from __future__ import annotations", {"__future__.annotations"}),
    ],
)
def test_imports_are_read_from_source(line: str, expected: set[str]) -> None:
    assert imports(line, "p.q.m") == expected
    assert imports(line, "p.q", is_package=True) == expected


def test_methods_know_nothing_of_the_benchmark() -> None:
    strangers = ("bench", "fvcore", "imgaug", "medmnist", "pandas", "matplotlib")
    assert breaches(files_below("methods"), *strangers) == []


def test_a_method_imports_the_core_the_backbones_and_the_standard_method_only() -> None:
    allowed = ("methods.core", "methods.backbones", "methods.standard", "torch")
    assert [
        f"{module_name(path)} imports {name}"
        for path in method_files()
        for name in sorted(imports_of(path))
        if not below(name, *allowed) and name.split(".")[0] not in sys.stdlib_module_names
    ] == []


def test_the_core_knows_neither_methods_nor_backbones() -> None:
    names = [f"methods.{path.stem}" for path in method_files()]
    assert breaches(files_below("methods.core"), "methods.backbones", *names) == []


def test_backbones_know_neither_exits_nor_methods() -> None:
    names = [f"methods.{path.stem}" for path in method_files()]
    exits = ("methods.core.exits", "methods.core.network", "methods.core.method")
    assert breaches(files_below("methods.backbones"), *exits, *names) == []


def test_one_file_imports_imgaug() -> None:
    others = [path for path in FILES if module_name(path) != "bench.corruptions"]
    assert breaches(others, "imgaug") == []


def test_figures_report_pareto_and_tables_read_records_never_networks() -> None:
    files = files_below(*RECORD_READERS)
    assert breaches(files, "torch", "torchvision", "methods") == []


def test_what_figures_import_does_not_bring_torch_in_by_the_back_door() -> None:
    direct = {module_name(path): imports_of(path) for path in FILES}

    def project_modules(names: set[str]) -> set[str]:
        return {module for module in direct for name in names if below(name, module)}

    reached = {module_name(path) for path in files_below(*RECORD_READERS)}
    waiting = set(reached)
    while waiting:
        new = project_modules(direct[waiting.pop()]) - reached
        reached |= new
        waiting |= new
    assert [
        f"{module} imports {name}"
        for module in sorted(reached)
        for name in sorted(direct[module])
        if below(name, "torch", "torchvision")
    ] == []


@every_file
def test_file_names_say_what_is_in_them(path: Path) -> None:
    assert not {path.stem, path.parent.name} & PRETENDS


@every_file
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@every_file
def test_every_file_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.strip()
