"""A file dropped into the folder is a method: no list to edit, and the contract holds for it."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from method_contract import CHECKS, Check
from tiny_problems import make_problem

import methods
from bench.cli.run_options import registered
from bench.errors import UserError
from methods import METHODS, backbones, load_method, method_names
from methods.backbones import BACKBONES, backbone_names, load_backbone
from methods.backbones.fc import FCSettings
from methods.sae import SAE
from methods.standard import Standard

DROPPED = '''
"""A method written by somebody else: two exits of one network, equally weighted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from methods.core.backbone import BackboneSettings
from methods.core.method import Method, uniform_weights
from methods.core.network import Network, Problem
from methods.core.seeding import seeded
from methods.core.space import Settings, setting


@dataclass(frozen=True, kw_only=True)
class TwoExitsSettings(Settings):
    """The share of the early exit in the loss."""

    early: float = setting(0.5, at_least=0.0, at_most=1.0)


class TwoExits(Method[TwoExitsSettings]):
    """The first and the last exit."""

    settings_type = TwoExitsSettings

    def __init__(self, problem: Problem, settings: Any, *, seed: int) -> None:
        super().__init__(problem, settings, seed=seed)
        with seeded(seed, "init"):
            self.network = Network(problem, exits=[1, problem.backbone.depth])

    @classmethod
    def category(cls, settings: Any, backbone: BackboneSettings) -> str:
        return "Two exits"

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: float) -> Tensor:
        early, last = -self.likelihood.log_prob(self.network(x_BQHW), y_B[:, None]).mean(0)
        return self.settings.early * early + (1 - self.settings.early) * last

    def forward(self, x_BQHW: Tensor) -> Tensor:
        return self.network(x_BQHW)

    def weights(self) -> Tensor:
        return uniform_weights(2, like=self)
'''
TWO_CLASSES = DROPPED + "\n\nclass Another(TwoExits):\n    pass\n"


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write and register a file: the name it is known by afterwards."""
    monkeypatch.setenv(METHODS.variable, "")

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        # importlib leaves these two behind; monkeypatch removes them again.
        monkeypatch.delitem(sys.modules, f"methods.{name}", raising=False)
        monkeypatch.delattr(methods, name, raising=False)
        return METHODS.add_file(tmp_path / f"{name}.py")

    return write


def test_the_methods_and_backbones_of_the_paper_are_there() -> None:
    expected = {"standard", "ensemble", "mc_dropout", "batch_ensemble", "sae"}
    assert expected <= set(method_names())
    assert "fc" in backbone_names()
    assert method_names() == sorted(method_names())
    assert load_method("sae") is SAE
    assert load_method("standard") is Standard
    assert load_backbone("fc") is FCSettings


def test_folders_beside_the_methods_are_not_methods() -> None:
    assert not {"core", "backbones", "__init__"} & set(method_names())


@pytest.mark.parametrize("contract_check", CHECKS.values(), ids=list(CHECKS))
def test_a_dropped_file_is_a_method(drop: Callable[[str, str], str], contract_check: Check) -> None:
    before = method_names()
    name = drop(f"dropped_{contract_check.__name__}", DROPPED)
    assert method_names() == sorted([*before, name])
    method_type = load_method(name)
    assert method_type.__name__ == "TwoExits"
    assert method_type.settings_type.owner() == name
    contract_check(method_type, make_problem())


def test_a_file_that_cannot_be_imported_is_one_line(drop: Callable[[str, str], str]) -> None:
    with pytest.raises(ValueError, match=r"method /.*broken\.py cannot be imported: SyntaxError"):
        load_method(drop("dropped_broken", "def"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py", "there is no such file"),
        ("two-words.py", "must be NAME.py, where NAME is an identifier"),
        ("_own.py", "does not begin with an underscore"),
        ("sae.py", "the package methods has the name 'sae' already; rename the file"),
    ],
)
def test_a_file_that_can_be_no_method(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METHODS.variable, "")
    if name != "nowhere.py":
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=re.escape(message)):
        METHODS.add_file(tmp_path / name)


def test_a_file_without_its_ending_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").touch()
    with pytest.raises(UserError, match=re.escape("'mine'; did you mean ./mine.py?")):
        registered(METHODS, "mine")


def test_two_files_of_one_name_are_an_error_and_one_file_twice_is_none(
    drop: Callable[[str, str], str], tmp_path: Path
) -> None:
    drop("dropped_twice", DROPPED)
    assert METHODS.add_file(tmp_path / "dropped_twice.py") == "dropped_twice"
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "dropped_twice.py").touch()
    with pytest.raises(ValueError, match=r"dropped_twice\.py has the name 'dropped_twice' already"):
        METHODS.add_file(tmp_path / "below" / "dropped_twice.py")


def test_a_file_beside_a_method_is_none(drop: Callable[[str, str], str], tmp_path: Path) -> None:
    (tmp_path / "beside.py").touch()
    drop("dropped_alone", DROPPED)
    assert "beside" not in method_names()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("methods.beside")


def test_an_installed_package_brings_methods_and_backbones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs_for_tests.py").write_text(DROPPED)
    (tmp_path / "thin_for_tests.py").write_text(
        "from methods.backbones.fc import FCSettings\nclass Thin(FCSettings): pass\n"
    )
    about = tmp_path / "theirs-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[sae_bench.methods]\na = theirs_for_tests\n[sae_bench.backbones]\nb = thin_for_tests\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load_method("theirs_for_tests").settings_type.owner() == "theirs_for_tests"
    assert load_backbone("thin_for_tests").owner() == "thin_for_tests"
    assert {"theirs_for_tests", "thin_for_tests"} <= {*method_names(), *backbone_names()}
    for name in ("theirs_for_tests", "thin_for_tests"):
        monkeypatch.delitem(sys.modules, name)


def test_a_backbone_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKBONES.variable, "")
    path = tmp_path / "narrow.py"
    path.write_text("from methods.backbones.fc import FCSettings\nclass Mine(FCSettings): pass\n")
    assert BACKBONES.add_file(path) == "narrow"
    assert load_backbone("narrow")(width=8, depth=1).width == 8
    monkeypatch.delitem(sys.modules, "methods.backbones.narrow")
    monkeypatch.delattr(backbones, "narrow")


def test_two_methods_in_a_file_are_an_error_that_names_both(
    drop: Callable[[str, str], str],
) -> None:
    name = drop("dropped_two", TWO_CLASSES)
    with pytest.raises(
        ValueError, match="exactly one subclass of Method, found: TwoExits, Another"
    ):
        load_method(name)


def test_no_method_in_a_file_is_an_error(drop: Callable[[str, str], str]) -> None:
    # An imported method does not count: the file has to define its own.
    name = drop("dropped_none", "from methods.standard import Standard\n")
    with pytest.raises(ValueError, match=r"dropped_none\.py.*exactly one.*found: none"):
        load_method(name)


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(ValueError, match="unknown method 'mimo'; choices: ") as caught:
        load_method("mimo")
    assert f"choices: {', '.join(method_names())}; the environment" in str(caught.value)
    with pytest.raises(ValueError, match="unknown backbone 'mlp'; choices: ") as caught:
        load_backbone("mlp")
    assert f"choices: {', '.join(backbone_names())}; the environment" in str(caught.value)


def test_listing_names_imports_no_torch() -> None:
    # `--help` and shell completion list the names; they must not wait for torch.
    program = (
        "import sys, methods; from methods.backbones import backbone_names\n"
        "print(*methods.method_names(), *backbone_names()); assert 'torch' not in sys.modules"
    )
    root = Path(methods.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*method_names(), *backbone_names()]
    assert backbones.__doc__


def test_a_folder_methods_in_the_working_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "bench.compare", "-h"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(methods.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    shadow = tmp_path / "methods" / "__init__.py"
    assert f"{shadow} is imported as `methods` in place of {methods.__file__}" in done.stderr
