"""Costs before training: every network that SAE may become, and what a bound refuses."""

import itertools

import pytest
import torch

from bench import cost
from bench.data.table import DATASETS, load
from bench.runs.run import build
from bench.search.constraints import Constraints
from bench.search.objectives import Bounds
from bench.search.space import search_space
from methods import method_names
from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical
from methods.core.method import Predictor
from methods.core.network import Problem
from methods.sae import SAE, SAESettings

SHAPE = ImageShape(1, 4, 4)


def feasible(method: str, *assignments: str, **bounds: float) -> Constraints:
    row = DATASETS["digits"]
    space = search_space(row, method, preset="paper", assignments=assignments)
    return Constraints(space, load(row), Bounds(**bounds))


@pytest.mark.parametrize(
    ("n_inputs", "n_exits", "negligible"),
    [(1, 1, "kept"), (1, 3, "kept"), (2, 1, "kept"), (2, 2, "kept"), (3, 2, "dropped")],
)
def test_the_costs_that_sae_can_learn_are_those_it_may_be_deployed_with(
    n_inputs: int, n_exits: int, negligible: str
) -> None:
    problem = Problem(shape=SHAPE, likelihood=Categorical(2), backbone=FCSettings(width=4, depth=3))
    settings = SAESettings(n_inputs=n_inputs, n_exits=n_exits, negligible_exits=negligible)
    method = SAE(problem, settings, seed=0).eval()

    known: dict[tuple[object, ...], tuple[int, int]] = {}

    def costs(predictor: Predictor) -> tuple[int, int]:
        # Many orders of the exits leave the same network.
        shapes = tuple((name, values.shape) for name, values in predictor.state_dict().items())
        if shapes not in known:
            found = cost.measure(predictor, SHAPE)
            known[shapes] = found.flops, found.params
        return known[shapes]

    announced = {costs(one.fused()) for one in method.prunings()}
    learned = set()
    # Every order of the exits, for every input; "dropped" also with one exit far above the others.
    orders = list(itertools.permutations([0.0, 1.0, 2.0]))
    for order in itertools.product(orders, repeat=n_inputs):
        for scale in (1.0, 100.0) if negligible == "dropped" else (1.0,):
            with torch.no_grad():
                method.depth_logits_ND.copy_(torch.tensor(order) * scale)
            learned.add(costs(method.deployed()))
    assert learned == announced


@pytest.mark.parametrize("method", [name for name in method_names() if name != "sae"])
def test_the_costs_of_other_methods_are_exact(method: str) -> None:
    limit = feasible(method)
    space = search_space(DATASETS["digits"], method, preset="paper")
    config = space.config({}, seed=0)
    point = space.params(config)
    found = cost.measure(build(config, load("digits")).deployed(), ImageShape(1, 8, 8))
    assert limit(point)
    assert feasible(method, flops=found.flops, params=found.params)(point)
    assert not feasible(method, flops=found.flops - 1)(point)
    assert not feasible(method, params=found.params - 1)(point)


def test_sae_is_refused_only_if_its_cheapest_outcome_is_too_expensive() -> None:
    point = {"fc.width": 16, "sae.n_inputs": 1, "sae.n_exits": 1}
    # Stem 64 x 16, block 16 x 16, adapter as a block, head 16 x 10; BatchNorm is folded.
    cheapest = 64 * 16 + 2 * 16 * 16 + 16 * 10
    assert feasible("sae", flops=cheapest)(point)
    assert not feasible("sae", flops=cheapest - 1)(point)


def test_settings_that_do_not_fit_are_not_feasible() -> None:
    limit = feasible("sae", "depth=1,3")  # the search moves on the places of this list
    assert limit({"fc.depth": 1, "sae.n_exits": 3, "fc.width": 16, "sae.n_inputs": 1})
    assert not limit({"fc.depth": 0, "sae.n_exits": 3, "fc.width": 16, "sae.n_inputs": 1})
