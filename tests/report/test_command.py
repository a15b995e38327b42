"""The command of a configuration plans exactly that configuration."""

import shlex
from typing import Any

import pytest
from msgspec.structs import replace

from bench.cli.run_options import read_seeds
from bench.compare import _parser
from bench.data.own import load_own_npz
from bench.data.row import DatasetRow
from bench.data.table import DATASETS
from bench.records.schema import Config
from bench.report.command import PATH, command, is_own_data
from bench.runs.config import RunConfig
from bench.runs.plan import Request, plan
from bench.runs.run import identity
from methods import method_names
from report.studies import CONFIGURATIONS, run_config


def recorded(config: RunConfig) -> Config:
    return identity(config)["config"]


def planned(text: str, row: DatasetRow | None = None) -> list[RunConfig]:
    """The runs of a command line; ``row`` is what its path leads to."""
    words = shlex.split(text)
    assert words[:3] == ["python", "-m", "bench.compare"]
    options = _parser().parse_args(words[3:])
    return plan(
        Request(
            datasets=[row or name for name in options.datasets],
            methods=options.methods,
            seeds=read_seeds(*options.seeds),
            preset=options.preset,
            backbone=options.backbone,
            assignments=options.assignments,
        )
    )


def the_same(config: RunConfig, task: str) -> None:
    again = planned(command(recorded(config), [config.seed, 7], task))
    assert [run.config_id for run in again] == [config.config_id] * 2
    assert {run.seed for run in again} == {config.seed, 7}


# One of each backbone, and those whose rows set what the presets do not.
@pytest.mark.parametrize("dataset", ["digits", "blood", "retina", "tinyimagenet"])
@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_the_points_of_a_preset_are_planned_again_by_their_commands(
    dataset: str, preset: str
) -> None:
    row = DATASETS[dataset]
    request = Request(datasets=[row], methods=method_names(), seeds=[0], preset=preset)
    # Grids have 2 or 4 values of a setting: by steps of 5 every value of each is met.
    for config in plan(request)[:: 1 if preset == "smoke" else 5]:
        the_same(config, row.task)


@pytest.mark.parametrize(("method", "settings"), CONFIGURATIONS)
def test_settings_that_are_in_no_grid_are_planned_again(
    method: str, settings: dict[str, Any]
) -> None:
    the_same(run_config("retina", method, settings, 3), "regression")


def test_all_digits_of_a_searched_value_are_written() -> None:
    settings = {"alpha_start": 0.1 + 0.2, "temperature_end": 1 / 3, "kl_scale": "one"}
    config = run_config("pneumonia", "sae", settings, 0)
    the_same(config, "classification")
    assert "sae.alpha_start=0.30000000000000004" in command(recorded(config), [0], "classification")


def test_own_data_are_asked_for_by_a_path_and_a_task() -> None:
    row = DatasetRow(
        name="scans-0123456789", task="regression", n_classes=0, backbone="fc", source="scans.npz",
        citation="own data", loader=load_own_npz, target_range=(0.0, 1.0),
    )  # fmt: skip
    (config,) = plan(Request(datasets=[row], methods=["standard"], seeds=[0], preset="smoke",
                             assignments=["depth=2", "width=8"]))  # fmt: skip
    text = command(recorded(config), [0], "regression")
    assert f"--datasets {PATH} --task regression" in text
    assert [run.config_id for run in planned(text, row)] == [config.config_id]


def test_names_of_the_table_are_not_own_data() -> None:
    assert not [name for name in DATASETS if is_own_data(name)]


def test_a_shell_reads_the_command_as_it_is_meant() -> None:
    config = recorded(run_config("pneumonia", "standard", {}, 0))
    odd = replace(config, training=config.training | {"augment": "a b;c"})
    assert "'train.augment=a b;c'" in command(odd, [0], "classification")
