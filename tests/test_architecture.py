"""Imports go one way: the packages in their order, read from the import statements themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("bench", "methods") for path in (ROOT / top).rglob("*.py"))
NAMELESS = {"utils", "util", "misc", "helpers", "helper", "common"}
VIEWS = ("bench.claims", "bench.figures", "bench.formatting", "bench.records", "bench.report",
         "bench.statistics", "bench.tables")  # fmt: skip

# From the ground up: a package imports only packages of lower floors, and never in a circle.
FLOORS = (
    {"methods", "bench.errors", "bench.formatting", "bench.metrics", "bench.storage"},
    {"bench.console", "bench.cost", "bench.data", "bench.executors", "bench.records"},
    {"bench.shift", "bench.training"},
    {"bench.runs"},
    {"bench.cli"},
    {"bench.statistics"},
    {"bench.claims", "bench.deploy", "bench.figures", "bench.tables"},
    {"bench.api", "bench.report", "bench.search"},
    {"bench.compare"},
    {"bench.study"},
)
# `python -m` needs these names where they stand; nothing imports them.
ENTRIES = {"bench.__main__", "bench.export", "bench.latency", "bench.records.__main__"}


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


IMPORTS = {
    module_name(path): imports(
        path.read_text(), module_name(path), is_package=path.name == "__init__.py"
    )
    for path in FILES
}


def below(name: str, *packages: str) -> bool:
    """Whether ``name`` is one of the packages or something in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def breaches(modules: Iterator[str] | list[str], *forbidden: str) -> list[str]:
    return [
        f"{module} imports {name}"
        for module in modules
        for name in sorted(IMPORTS[module])
        if below(name, *forbidden)
    ]


def modules_below(*packages: str) -> list[str]:
    return [module for module in IMPORTS if below(module, *packages)]


def method_modules() -> list[str]:
    return [f"methods.{path.stem}" for path in (ROOT / "methods").glob("[!_]*.py")]


def project_modules(names: set[str]) -> set[str]:
    """The modules of this project among imported names, each as the file that holds it."""
    found = set()
    for name in names:
        parts = name.split(".")
        ends = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        found |= {next((end for end in ends if end in IMPORTS), "")}
    return found - {"", "bench", "methods"}


def package_of(name: str) -> str | None:
    return max((p for floor in FLOORS for p in floor if below(name, p)), key=len, default=None)


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


def test_the_source_is_there_and_every_module_has_a_floor() -> None:
    assert {"methods.sae", "methods.core.method", "bench.metrics.table"} <= set(IMPORTS)
    assert len(method_modules()) >= 5
    assert [
        module for module in IMPORTS if module not in {"bench", *ENTRIES} and not package_of(module)
    ] == []
    assert len({package for floor in FLOORS for package in floor}) <= 24
    assert len(FLOORS) <= 10


def test_nothing_imports_what_is_run_by_name() -> None:
    assert breaches(sorted(IMPORTS), *ENTRIES) == []


def test_packages_import_only_what_lies_below_them() -> None:
    height = {package: i for i, floor in enumerate(FLOORS) for package in floor}
    upward = []
    for module in sorted(set(IMPORTS) - {"bench"} - ENTRIES):
        here = package_of(module)
        assert here is not None
        for name in sorted(IMPORTS[module]):
            there = package_of(name)
            if there not in (None, here) and height[there] >= height[here]:
                upward.append(f"{module} imports {name}")
    assert upward == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: project_modules(names) - {module} for module, names in IMPORTS.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_a_method_imports_the_core_the_backbones_and_the_standard_method_only() -> None:
    allowed = ("methods.core", "methods.backbones", "methods.standard", "torch")
    assert [
        f"{module} imports {name}"
        for module in method_modules()
        for name in sorted(IMPORTS[module])
        if not below(name, *allowed) and name.split(".")[0] not in sys.stdlib_module_names
    ] == []


def test_the_core_imports_neither_methods_nor_backbones_nor_backbones_exits() -> None:
    methods = method_modules()
    exits = ("methods.core.exits", "methods.core.network", "methods.core.method")
    assert breaches(modules_below("methods.core"), "methods.backbones", *methods) == []
    assert breaches(modules_below("methods.backbones"), *exits, *methods) == []


def test_strangers_are_imported_where_they_belong() -> None:
    strangers = ("bench", "fvcore", "imgaug", "medmnist", "pandas", "matplotlib")
    assert breaches(modules_below("methods"), *strangers) == []
    assert breaches([m for m in IMPORTS if m != "bench.shift.table"], "imgaug") == []


def test_views_read_records_and_never_reach_networks() -> None:
    reached, waiting = set(modules_below(*VIEWS)), modules_below(*VIEWS)
    assert breaches(sorted(reached), "methods") == []
    while waiting:
        new = project_modules(IMPORTS[waiting.pop()]) - reached
        reached |= new
        waiting += new
    assert breaches(sorted(reached), "torch", "torchvision") == []


def test_files_are_named_for_what_they_hold_and_say_what_it_is() -> None:
    assert [path for path in FILES if {path.stem, path.parent.name} & NAMELESS] == []
    assert [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))] == []
