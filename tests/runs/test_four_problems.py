"""Presets and backbones by dataset: what a row of the table brings to the plan."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from bench.data.table import DATASETS
from bench.errors import UserError
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.plan import overrides
from methods import method_names
from runs.oracles import arrays_of
from runs.stored_files import names_in
from runs.test_plan import planned
from runs.tiny_runs import Cli, folder_bytes
from runs.value_oracles import value_scores

DIGITS = DATASETS["digits"]
RETINA = Path(os.environ.get("SAE_BENCH_DATA", "")) / DATASETS["retina"].source


def grid(configs: list[RunConfig], group: str, key: str) -> list[Any]:
    """The values of a setting in the plan, in its order, each once."""
    found = [
        {"train": c.training, c.backbone: c.backbone_settings}.get(group, c.settings).as_dict()[key]
        for c in configs
        if group in ("train", c.backbone, c.method)
    ]
    return list(dict.fromkeys(found))


# ---------------------------------------------------------------- presets of a row


@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_a_rows_settings_replace_the_presets_grid(preset: str) -> None:
    own = ("train.epochs=3", "sae.n_inputs=4,1", "fc.width=8,24", "fc.depth=2")
    changes: dict[str, Any] = {preset: own}
    row = dataclasses.replace(DIGITS, **changes)
    methods = ["standard", "sae", "mc_dropout"]
    usual, configs = (
        planned(datasets=[dataset], methods=methods, preset=preset) for dataset in (DIGITS, row)
    )
    assert grid(configs, "train", "epochs") == [3]
    assert grid(configs, "sae", "n_inputs") == [4, 1]
    assert grid(configs, "fc", "width") == [8, 24]
    assert {c.backbone_settings.depth for c in configs if c.method == "sae"} == {2}
    # What the row does not name stays as the preset has it, K > D apart.
    assert grid(configs, "mc_dropout", "rate") == grid(usual, "mc_dropout", "rate")
    exits = grid(usual, "sae", "n_exits")
    assert grid(configs, "sae", "n_exits") == [k for k in exits if k <= 2] != exits
    # They are those of this preset alone.
    for other in {"smoke", "quick", "paper"} - {preset}:
        assert planned(datasets=[row], preset=other) == planned(preset=other)


def test_what_the_user_sets_replaces_what_the_row_sets() -> None:
    row = dataclasses.replace(DIGITS, smoke=("train.epochs=3", "fc.width=8,24", "sae.n_inputs=4"))
    changes: dict[str, Any] = {"datasets": [row], "methods": ["sae"]}
    for text in ("epochs=7,9", "train.epochs=7,9"):
        configs = planned(text, **changes)
        assert grid(configs, "train", "epochs") == [7, 9]
        assert (grid(configs, "fc", "width"), grid(configs, "sae", "n_inputs")) == ([8, 24], [4])
    configs = planned("n_inputs=2", "width=16", **changes)
    assert (grid(configs, "fc", "width"), grid(configs, "sae", "n_inputs")) == ([16], [2])
    assert grid(configs, "train", "epochs") == [3]


def test_a_rows_settings_of_other_methods_and_backbones_are_passed_over() -> None:
    row = dataclasses.replace(
        DIGITS, smoke=("train.epochs=3", "sae.n_inputs=4", "fc.width=24", "vgg.width=3")
    )
    configs = planned(datasets=[row], methods=["standard"], backbone="vgg")
    assert grid(configs, "train", "epochs") == [3]
    assert grid(configs, "vgg", "width") == [3]
    assert grid(planned(datasets=[row]), "fc", "width") == [24]
    # A user's own are not.
    with pytest.raises(UserError, match=r"--set sae\.n_inputs=4: unknown key 'sae\.n_inputs'"):
        planned("sae.n_inputs=4", datasets=[row])


def test_a_rows_settings_are_for_its_own_runs() -> None:
    row = dataclasses.replace(DIGITS, smoke=("train.epochs=3", "fc.width=24"))
    configs = planned(datasets=[row, "pneumonia"])
    usual = planned(datasets=["pneumonia"])
    for name, epochs, widths in (
        ("digits", [3], [24]),
        ("pneumonia", *(grid(usual, *key) for key in (("train", "epochs"), ("fc", "width")))),
    ):
        mine = [config for config in configs if config.dataset == name]
        assert (grid(mine, "train", "epochs"), grid(mine, "fc", "width")) == (epochs, widths)


def test_a_rows_settings_are_checked_as_a_users() -> None:
    for bad, message in (("train.epoch=3", "unknown key"), ("fc.width=0", r"must be >= 1")):
        with pytest.raises(UserError, match=message):
            planned(datasets=[dataclasses.replace(DIGITS, smoke=(bad,))])


# Rows of the same settings and backbone are one.
DIFFERENT = {(row.backbone, row.smoke, row.quick): name for name, row in DATASETS.items()}


@pytest.mark.parametrize("name", DIFFERENT.values())
@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_every_setting_of_the_table_reaches_the_plan(name: str, preset: str) -> None:
    row, methods = DATASETS[name], method_names()
    configs = planned(datasets=[name], methods=methods, preset=preset)
    for (group, key), values in overrides(
        row.preset_settings(preset), methods, [row.backbone]
    ).items():
        assert grid(configs, group, key) == list(values), (group, key)
    # A misspelt group would be passed over in silence.
    groups = {text.partition(".")[0] for text in row.preset_settings(preset)}
    assert groups <= {"train", row.backbone, *methods}


# ---------------------------------------------------------------- backbones of a row


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
def test_the_four_problems_have_their_backbones_unless_asked_otherwise(preset: str) -> None:
    pairs = {"blood": "vgg", "retina": "vit", "tinyimagenet": "resnet", "breast": "fc"}
    # The grid of the paper is large, and what is looked at here is the same for every method.
    methods = ["standard", "sae"] if preset == "paper" else method_names()
    changes: dict[str, Any] = {"methods": methods, "preset": preset}
    configs = planned(datasets=list(pairs), **changes)
    assert {(c.dataset, c.backbone) for c in configs} == set(pairs.items())
    for name, backbone in pairs.items():
        mine = [config for config in configs if config.dataset == name]
        assert {c.method for c in mine} == set(methods)
        assert {c.backbone_settings.owner() for c in mine} == {backbone}
        assert mine == planned(datasets=[name], **changes)
    for other in ("fc", "vgg", "resnet", "vit"):
        found = planned(datasets=list(pairs), backbone=other, **changes)
        assert {(c.dataset, c.backbone) for c in found} == {(name, other) for name in pairs}
        assert {c.backbone_settings.owner() for c in found} == {other}


def test_a_setting_of_one_backbone_is_for_its_datasets() -> None:
    configs = planned("vgg.width=5", datasets=["blood", "digits"])
    assert grid(configs, "vgg", "width") == [5]
    assert grid(configs, "fc", "width") == grid(planned(), "fc", "width")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backbone=vit", "--set=width=16", "--set=vit.patch=3"],
         "dataset digits: vit.patch=3: must divide the image's 8x8 pixels"),
        (["--backbone=vit", "--set=width=16", "--set=vit.patch=4,3"],
         "dataset digits: vit.patch=3: must divide the image's 8x8 pixels"),
        (["--backbone=vit", "--set=width=24"], "dataset digits: vit.width=24: must be a multiple"),
        (["--backbone=vgg", "--set=depth=4,5"],
         "dataset digits: vgg.depth=5: each stage but the first halves the image, and 8x8 pixels"),
    ],
)  # fmt: skip
def test_a_backbone_that_does_not_fit_the_images_is_refused_before_any_run(
    cli: Cli, results: Path, trained: list[str], arguments: list[str], message: str
) -> None:
    code, out, err = cli("--datasets", "digits", *arguments, methods="standard,sae")
    assert (code, out, trained) == (2, "", [])
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not (results / "runs").exists() or names_in(results / "runs") == []


@pytest.mark.parametrize("backbone", ["vgg", "resnet", "vit"])
def test_a_backbone_that_fits_trains(cli: Cli, results: Path, backbone: str) -> None:
    width = "16" if backbone == "vit" else "2"
    code, out, err = cli("--backbone", backbone, "--set", f"width={width}")
    assert code == 0, err
    (record,) = Store(results).finished()
    assert record.config.backbone.name == backbone
    assert f"W={width} D=2" in out


# ---------------------------------------------------------------- genuine data


def test_genuine_retina(cli: Cli, results: Path) -> None:
    if not RETINA.is_file():
        pytest.skip(f"SAE_BENCH_DATA does not hold {RETINA.name}")
    code, out, err = cli(
        "--datasets", "retina", "--set", "epochs=1", "--set", "width=16",
        "--data", str(RETINA.parent),
    )  # fmt: skip
    assert code == 0, err
    assert "## retina (1 configurations, 1 runs)" in out
    (record,) = Store(results).finished()
    assert record.config.backbone.name == "vit"
    facts = record.dataset
    assert (facts.shape, facts.target_range) == ((28, 28, 3), (0, 4))
    assert facts.sizes == {"train": 1080, "val": 120, "test": 400}
    arrays = arrays_of(folder_bytes(Store(results).folder(record.run_id)))
    assert set(arrays["test/y"].tolist()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    expected = value_scores(
        arrays["test/members"], arrays["weights"], arrays["test/y"], record.temperature
    )
    assert record.metrics.test == pytest.approx(expected, abs=1e-6)
