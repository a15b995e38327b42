"""Every fenced block of the README and of docs/ is run, or has the reason in its info string.

A block is one of
- ``python``: executed, with the names that earlier blocks of its page have defined;
- ``python file=NAME``: written to a file;
- ``bash run``: each line is a command of ours and ends with exit code 0;
- ``bash`` or none: its commands take too long or need what is not here; their options are parsed;
- ``python no-run``, ``text``: neither, for example because it needs a cluster, or is output.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs.tiny_runs import FEW_CORRUPTIONS

from bench.__main__ import main
from bench.metrics import table as metrics
from bench.runs import extensions, loaded
from bench.shift import table as corruptions
from methods import METHODS
from methods.backbones import BACKBONES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
INFOS = {"", "python", "python no-run", "bash", "bash run", "text"}
Block = tuple[str, str]


def blocks(page: Path) -> list[Block]:
    """(info string, content) of each fenced block."""
    found = re.findall(r"^```(.*?)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [(info.strip(), content) for info, content in found]


def commands(content: str) -> list[list[str]]:
    """The words of each command of ours, from its name on."""
    lines = content.replace("\\\n", " ").splitlines()
    ours = [line for line in lines if line.startswith("python -m bench")]
    return [shlex.split(line, comments=True)[2:] for line in ours]


@pytest.fixture(autouse=True)
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", few)
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS))
    for variable in (METHODS.variable, BACKBONES.variable, extensions.VARIABLE):
        monkeypatch.setenv(variable, "")
    loaded.load_dataset.cache_clear()
    yield
    loaded.load_dataset.cache_clear()


@pytest.fixture(scope="module")
def some_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("some") / "results"
    with pytest.MonkeyPatch.context() as patch:
        few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
        patch.setattr(corruptions, "CORRUPTIONS", few)
        request = ["--preset", "smoke", "--methods", "standard,ensemble,sae"]
        run_here(["bench.compare", *request, "--results", str(folder)])
    return folder


def call(words: list[str]) -> int:
    return main([words[0].removeprefix("bench."), *words[1:]])


def run_here(words: list[str]) -> None:
    """A command of a page, as its exit code 0; runs are made in this process."""
    if words[0] == "bench.compare" and "--workers" not in words:
        words = [*words, "--workers", "0"]
    assert call(words) == 0, words


@pytest.mark.parametrize("page", PAGES, ids=[path.stem for path in PAGES])
def test_every_block_has_a_kind_and_every_command_is_understood(page: Path) -> None:
    for info, content in blocks(page):
        assert info in INFOS or info.startswith("python file="), f"{info!r}: {content[:60]}"
        for words in commands(content):
            with contextlib.suppress(Parsed), pytest.MonkeyPatch.context() as patch:
                patch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
                call(words)


class Parsed(BaseException):
    """The options were understood; nothing else is to happen."""


def parse_only(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> None:
    _, unknown = self.parse_known_args(args, namespace)
    assert unknown == []
    raise Parsed


RUNNABLE = [
    page for page in PAGES
    if any(info in ("python", "bash run") or "file=" in info for info, _ in blocks(page))
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=[path.stem for path in RUNNABLE])
@pytest.mark.filterwarnings("ignore:.*Figure.*:UserWarning")
def test_a_page_can_be_followed(
    page: Path, some_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(some_results, tmp_path / "results")
    namespace = types.ModuleType("page").__dict__
    modules = set(sys.modules)
    for info, content in blocks(page):
        if info == "python":
            exec(compile(content, str(page), "exec"), namespace)
        elif info.startswith("python file="):
            path = tmp_path / info.partition("=")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        elif info == "bash run":
            for words in commands(content):
                run_here(words)
    for name in set(sys.modules) - modules:
        if name.startswith(("methods.", extensions.PREFIX)):
            forget(name)


def forget(name: str) -> None:
    package, _, stem = name.rpartition(".")
    del sys.modules[name]
    if not package:
        return
    with contextlib.suppress(AttributeError):
        delattr(sys.modules[package], stem)


@pytest.mark.slow
def test_the_notebook_runs(
    some_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(some_results, tmp_path / "results")  # its runs, of which none is made again
    display = types.ModuleType("IPython.display")
    display.Markdown = str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    notebook = json.loads((ROOT / "docs" / "python.ipynb").read_text())
    namespace: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), namespace)
    assert namespace["probabilities"].shape == (10,)
    assert namespace["figures"]
