"""From a request to the list of runs."""

import re
from collections import Counter
from typing import Any

import pytest

from bench.errors import UserError
from bench.runs.config import RunConfig
from bench.runs.plan import Request, overrides, plan
from bench.runs.presets import PRESETS
from methods import method_names
from methods.core.space import PRESETS as GRIDS

METHODS = [
    "standard", "ensemble", "batch_ensemble", "mc_dropout", "sae", "packed", "masksembles", "mixmo",
]  # fmt: skip


def planned(*assignments: str, **changes: Any) -> list[RunConfig]:
    request = {"datasets": ["digits"], "methods": ["standard"], "seeds": [0], "preset": "smoke"}
    return plan(Request(**{**request, "assignments": assignments, **changes}))


def values(configs: list[RunConfig], name: str) -> set[Any]:
    return {getattr(config.settings, name) for config in configs}


# FC: (widths) x (depths) x (the method's own values); SAE keeps the default depth of 4.
@pytest.mark.parametrize(
    ("preset", "counts"),
    [
        ("smoke", [1 * 1, 1 * 1 * 1, 1 * 1 * 2, 1 * 1 * 1, 1 * (2 * 3), 1, 1, 1]),
        ("quick", [2 * 2, 4 * 2, 4 * (2 * 2), 4 * 2, 2 * (4 * 4), 4 * 2, 4 * 2, 4 * 2]),
        ("paper", [5 * 4, 20 * 3, 20 * 3, 20 * 5, 5 * (4 * 4), 20 * 3, 20 * 3, 20 * 2]),
    ],
)
def test_the_size_of_every_presets_grid(preset: str, counts: list[int]) -> None:
    everything = planned(preset=preset, methods=METHODS, seeds=[0, 1])
    found = Counter((config.method, config.seed) for config in everything)
    assert [(found[name, 0], found[name, 1]) for name in METHODS] == [(n, n) for n in counts]
    assert len({config.run_id for config in everything}) == len(everything)


def test_presets_and_grids_have_the_same_names() -> None:
    assert tuple(PRESETS) == GRIDS
    assert set(METHODS) == set(method_names())


def test_quick_covers_every_cell_of_the_grid_of_inputs_and_exits() -> None:
    configs = planned(preset="quick", methods=["sae"])
    cells: dict[int, set[tuple[int, int]]] = {}
    for config in configs:
        width, settings = config.backbone_settings.as_dict()["width"], config.settings.as_dict()
        cells.setdefault(width, set()).add((settings["n_inputs"], settings["n_exits"]))
    every_cell = {(n, k) for n in (1, 2, 3, 4) for k in (1, 2, 3, 4)}
    assert cells == {32: every_cell, 128: every_cell}


def test_only_methods_without_exits_at_every_depth_enumerate_depths() -> None:
    for method in METHODS:
        configs = planned(preset="quick", methods=[method])
        depths = {config.backbone_settings.as_dict()["depth"] for config in configs}
        assert depths == ({4} if method == "sae" else {2, 4}), method


def test_a_depth_that_is_asked_for_holds_for_sae_too() -> None:
    configs = planned("depth=3,4", methods=["sae"], preset="quick")
    assert {config.backbone_settings.as_dict()["depth"] for config in configs} == {3, 4}


def test_a_set_key_goes_to_every_group_that_has_it() -> None:
    configs = planned("n_members=3", "width=16,24", methods=["ensemble", "batch_ensemble"])
    assert values(configs, "n_members") == {3}
    found = {(c.method, c.backbone_settings.as_dict()["width"]) for c in configs}
    assert found == {(m, w) for m in ("ensemble", "batch_ensemble") for w in (16, 24)}


def test_a_set_key_with_its_owner_goes_there_alone() -> None:
    configs = planned("ensemble.n_members=3", methods=["ensemble", "batch_ensemble"])
    members = {config.method: config.settings.as_dict()["n_members"] for config in configs}
    assert members == {"ensemble": 3, "batch_ensemble": 2}
    assert {config.training.epochs for config in planned("train.epochs=7")} == {7}


def test_values_are_read_by_type_and_listed_once() -> None:
    found = overrides(
        ["epochs=3,4,3", "learning_rate=0.1,1e-1", "drop_input=False,true", "keep=best"],
        ["mc_dropout"],
        ["fc"],
    )
    assert found == {
        ("train", "epochs"): (3, 4),
        ("train", "learning_rate"): (0.1,),
        ("mc_dropout", "drop_input"): (False, True),
        ("train", "keep"): ("best",),
    }


def test_exits_that_the_backbone_does_not_have_are_left_out_of_a_presets_grid() -> None:
    configs = planned("depth=2", preset="quick", methods=["sae"])
    assert values(configs, "n_exits") == {1, 2}
    assert len(configs) == 2 * 4 * 2  # widths x N x K


def test_exits_asked_for_are_left_out_only_where_they_do_not_fit() -> None:
    configs = planned("depth=2,4", "sae.n_exits=2,3", "n_inputs=1", methods=["sae"])
    found = {(c.backbone_settings.as_dict()["depth"], c.settings.as_dict()["n_exits"])
             for c in configs}  # fmt: skip
    assert found == {(2, 2), (4, 2), (4, 3)}


@pytest.mark.parametrize("assignments", [["sae.n_exits=5"], ["depth=1", "n_exits=1,2"]])
def test_exits_asked_for_that_fit_nowhere_are_an_error(assignments: list[str]) -> None:
    with pytest.raises(UserError, match=r"sae\.n_exits=(5|2): K must be <= D, .* D=(4|1)"):
        planned(*assignments, methods=["standard", "sae"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": ["digit"]}, "unknown dataset 'digit'; choices: digits, path, derma"),
        ({"methods": ["sea"]}, "unknown method 'sea'; choices: batch_ensemble, ensemble"),
        ({"preset": "big"}, "unknown preset 'big'; choices: smoke, quick, paper"),
        ({"backbone": "cnn"}, "unknown backbone 'cnn'; choices: fc"),
        ({"seeds": [-1]}, "seed=-1: must be >= 0"),
        ({"assignments": ["epoch=1"]}, "--set epoch=1: unknown key 'epoch'; choices: train.epochs"),
        ({"assignments": ["sae.width=1"]}, "unknown key 'sae.width'; choices: train.epochs"),
        # A key of a method that is not asked for.
        ({"assignments": ["n_inputs=1"]}, "unknown key 'n_inputs'; choices: train.epochs"),
        ({"assignments": ["epochs"]}, "--set epochs: must be key=value or key=value,value"),
        ({"assignments": ["epochs="]}, "--set epochs=: must be key=value or key=value,value"),
        ({"assignments": ["epochs=1,"]}, "train.epochs=: must be a value of type int"),
        ({"assignments": ["epochs=0"]}, "train.epochs=0: must be >= 1"),
        ({"assignments": ["epochs=1.5"]}, "train.epochs=1.5: must be a value of type int"),
        ({"assignments": ["epochs=true"]}, "train.epochs=true: must be a value of type int"),
        ({"assignments": ["batch_size=1"]}, "train.batch_size=1: must be >= 2"),
        ({"assignments": ["width=32,0"]}, "fc.width=0: must be >= 1"),
        ({"assignments": ["depth=-1"]}, "fc.depth=-1: must be >= 1"),
        ({"assignments": ["learning_rate=nan"]}, "train.learning_rate=nan: must be a finite"),
        ({"assignments": ["clip=inf"]}, "train.clip=inf: must be a finite number"),
        ({"assignments": ["clip=0"]}, "train.clip=0: must be > 0"),
        ({"assignments": ["weight_decay=-1"]}, "train.weight_decay=-1: must be >= 0"),
        ({"assignments": ["keep=first"]}, "train.keep=first: must be one of last, best"),
    ],
)
def test_bad_input_is_named_with_its_rule_or_choices(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        planned(**changes)


@pytest.mark.parametrize(
    ("method", "assignment", "message"),
    [
        ("sae", "n_inputs=0", "sae.n_inputs=0: must be >= 1"),
        ("sae", "temperature_end=0", "sae.temperature_end=0: must be > 0"),
        ("sae", "alpha_end=1.5", "sae.alpha_end=1.5: must be <= 1"),
        ("sae", "draw_sum=two", "sae.draw_sum=two: must be one of one, K"),
        ("mc_dropout", "rate=1", "mc_dropout.rate=1: must be < 1"),
        ("mc_dropout", "drop_input=1", "mc_dropout.drop_input=1: must be true or false"),
        ("ensemble", "n_members=0", "ensemble.n_members=0: must be >= 1"),
    ],
)
def test_a_methods_settings_are_checked(method: str, assignment: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        planned(assignment, methods=[method])
