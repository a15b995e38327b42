"""What a search varies: the declared ranges, cut to a preset's and to what the user asks for."""

import re

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from bench.data.table import DATASETS
from bench.errors import UserError
from bench.runs.plan import overrides
from bench.search.space import SearchSpace, search_space
from methods import method_names
from methods.sae import SAESettings

SCHEDULES = [
    "sae.alpha_start", "sae.alpha_end", "sae.temperature_start", "sae.temperature_end",
    "sae.repetition_start", "sae.repetition_end", "sae.depth_learning_rate",
]  # fmt: skip


def space_of(
    method: str,
    *assignments: str,
    dataset: str = "pneumonia",
    preset: str = "paper",
    **options: str,
) -> SearchSpace:
    return search_space(
        DATASETS[dataset], method, preset=preset, assignments=assignments, **options
    )


def test_sae_is_searched_over_the_papers_fields_and_the_rate_of_its_depth_logits() -> None:
    space = space_of("sae")
    assert sorted(space.distributions) == sorted(
        ["fc.width", "sae.n_inputs", "sae.n_exits", *SCHEDULES]
    )
    assert space.distributions["fc.width"] == IntDistribution(16, 256, log=True)
    assert space.distributions["sae.n_inputs"] == IntDistribution(1, 4)
    assert space.distributions["sae.temperature_end"] == FloatDistribution(0.01, 1.0)
    assert space.distributions["sae.depth_learning_rate"] == FloatDistribution(1, 100, log=True)
    assert space.fixed == {("train", "epochs"): 100}


def test_mc_dropout_is_searched_over_rate_and_backbone() -> None:
    space = space_of("mc_dropout")
    assert sorted(space.distributions) == ["fc.depth", "fc.width", "mc_dropout.rate"]


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_the_upper_bound_of_k_follows_d(depth: int) -> None:
    space = space_of("sae", f"depth={depth}")
    assert space.distributions["sae.n_exits"] == IntDistribution(1, depth)
    # Of several depths the largest; K > D is not feasible (test_feasible).
    several = space_of("sae", f"depth=1,{depth}")
    assert several.distributions["sae.n_exits"] == IntDistribution(1, depth)
    assert space_of("sae", "depth=1").fixed["sae", "n_exits"] == 1


def test_a_presets_grid_bounds_the_search() -> None:
    assert space_of("sae", preset="quick").distributions["fc.width"] == IntDistribution(
        32, 128, log=True
    )
    blood = space_of("standard", dataset="blood", preset="quick")
    assert blood.fixed["vgg", "width"] == 8
    assert blood.fixed["train", "epochs"] == 4
    # The row says N in 1, 2, 4: the search may take 3 too.
    cells = space_of("sae", dataset="blood", preset="quick").cells()
    assert {cell["sae.n_inputs"] for cell in cells} == {1, 2, 3, 4}


def test_what_is_set_is_fixed_and_several_values_are_choices() -> None:
    space = space_of("sae", "sae.n_inputs=2", "sae.depth_learning_rate=100,1,10", "epochs=3")
    assert space.fixed["sae", "n_inputs"] == 2
    assert space.fixed["train", "epochs"] == 3
    # Numbers in their order: between 1 and 100 lies 10.
    assert space.distributions["sae.depth_learning_rate"] == IntDistribution(0, 2)
    config = space.config({"sae.depth_learning_rate": 1}, seed=0)
    assert config.settings.as_dict()["depth_learning_rate"] == 10.0
    assert space.params(config)["sae.depth_learning_rate"] == 1
    words = space_of("sae", "sae.draw=logits,theta").distributions["sae.draw"]
    assert words == CategoricalDistribution(("logits", "theta"))
    assert "sae.n_inputs" not in space.distributions


@pytest.mark.parametrize("method", method_names())
def test_a_range_is_searched_for_every_method_alike(method: str) -> None:
    rate = space_of(method, "learning_rate=1e-4..1e-2").distributions["train.learning_rate"]
    assert rate == FloatDistribution(1e-4, 1e-2, log=True)
    decay = space_of(method, "weight_decay=0..1e-3").distributions["train.weight_decay"]
    assert decay == FloatDistribution(0.0, 1e-3)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("learning_rate=1e-2..1e-4", "must be low..high with low < high"),
        ("learning_rate=0..1e-4", "learning_rate=0: must be > 0"),
        ("sae.draw=logits..theta", "only numbers have a range"),
        ("learning_rate=..", "must be a value of type float"),
    ],
)
def test_a_bad_range_is_one_message(assignment: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        space_of("sae", assignment)


def test_a_comparison_takes_no_range() -> None:
    with pytest.raises(UserError, match=r"a range can only be searched.*name values"):
        overrides(["learning_rate=1e-4..1e-2"], ["sae"], ["fc"])


def test_the_heads_of_a_vit_share_out_every_width() -> None:
    width = space_of("standard", dataset="retina").distributions["vit.width"]
    assert width == IntDistribution(16, 256, step=16)


@pytest.mark.parametrize("method", method_names())
def test_a_point_and_its_run_are_inverse(method: str) -> None:
    space = space_of(method)
    default = space.config({}, seed=3)
    point = space.params(default)
    assert set(point) == set(space.distributions)
    assert space.config(point, seed=3) == default
    assert default.training.epochs == 100
    assert (default.seed, default.method, default.dataset) == (3, method, "pneumonia")


def test_values_reach_their_group() -> None:
    config = space_of("sae").config(
        {"sae.n_inputs": 3, "fc.width": 77, "sae.alpha_end": 0.25}, seed=0
    )
    assert config.settings == SAESettings(n_inputs=3, alpha_end=0.25)
    assert config.backbone_settings.width == 77


def test_cells_are_n_by_k_and_m() -> None:
    cells = space_of("sae", "depth=3").cells()
    assert len(cells) == 12
    assert {(cell["sae.n_inputs"], cell["sae.n_exits"]) for cell in cells} == {
        (n, k) for n in (1, 2, 3, 4) for k in (1, 2, 3)
    }
    assert space_of("ensemble").cells() == [{"ensemble.n_members": m} for m in (2, 3, 4)]
    # Depth and width are the backbone's; a rate is no whole number.
    assert space_of("standard").cells() == space_of("mc_dropout").cells() == [{}]


def test_an_unknown_setting_names_the_choices() -> None:
    with pytest.raises(UserError, match=r"unknown key 'n_heads'; choices: .*sae\.n_inputs"):
        space_of("sae", "n_heads=3")
    with pytest.raises(UserError, match=r"sae\.n_inputs=0: must be >= 1"):
        space_of("sae", "sae.n_inputs=0")
    # What concerns another method of the request is no mistake.
    search_space(
        DATASETS["digits"], "standard", preset="quick", assignments=["sae.n_inputs=2"],
        methods=["standard", "sae"],
    )  # fmt: skip
