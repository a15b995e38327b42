"""Every method on every backbone, for both tasks, costs what its layers add up to.

Layers are those of layer_tables.py; each method changes the sum by a rule of its own.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backbones.layer_tables import TABLES, Part, total
from bench.cost import OTHER, Cost, measure
from methods import load_method
from methods.backbones import backbone_names
from methods.core.likelihood import Likelihood, likelihood_for
from methods.core.network import Problem
from methods.sae import SAE, SAESettings

LIKELIHOODS = [likelihood_for("classification", 5), likelihood_for("regression", 5)]
every_task = pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda x: x.task)
every_backbone = pytest.mark.parametrize("backbone", backbone_names())


def cost_of(name: str, backbone: str, likelihood: Likelihood, **settings: Any) -> tuple[int, int]:
    table, method = TABLES[backbone], load_method(name)
    problem = Problem(shape=table.shape, likelihood=likelihood, backbone=table.settings)
    deployed = method(problem, method.settings_type(**settings), seed=0).deployed()
    return pair(measure(deployed, table.shape))


def pair(cost: Cost) -> tuple[int, int]:
    """FLOPs and parameters; no FLOPs may stand outside the network's parts."""
    assert sum(cost.flops_by_part.values()) == cost.flops
    assert OTHER not in cost.flops_by_part
    return cost.flops, cost.params


@every_backbone
def test_the_tables_to_the_last_digit(backbone: str) -> None:
    table = TABLES[backbone]
    assert total(table.standard(5)) == (table.flops, table.params)


@every_task
@every_backbone
def test_a_standard_nn_costs_its_layers(backbone: str, likelihood: Likelihood) -> None:
    expected = total(TABLES[backbone].standard(likelihood.n_outputs))
    assert cost_of("standard", backbone, likelihood) == expected


@every_task
@every_backbone
def test_an_ensemble_costs_its_members(backbone: str, likelihood: Likelihood) -> None:
    flops, params = total(TABLES[backbone].standard(likelihood.n_outputs))
    assert cost_of("ensemble", backbone, likelihood, n_members=3) == (3 * flops, 3 * params)


@every_task
@every_backbone
def test_dropout_costs_its_passes(backbone: str, likelihood: Likelihood) -> None:
    flops, params = total(TABLES[backbone].standard(likelihood.n_outputs))
    assert cost_of("mc_dropout", backbone, likelihood, n_passes=5) == (5 * flops, params)


@every_task
@every_backbone
def test_a_batch_ensemble_costs_its_members_and_their_products(
    backbone: str, likelihood: Likelihood
) -> None:
    parts = TABLES[backbone].standard(likelihood.n_outputs)
    flops, params = total(parts)
    layers = [layer for part in parts for layer in part.layers]
    # r multiplies what goes into each layer, s what comes out.
    flops += sum(x.n_in * x.pixels_in + x.n_out * x.pixels_out for x in layers)
    # r, s and the bias are each member's own, the rest is shared.
    biases = sum(x.bias * x.n_out for x in layers)
    params += 3 * sum(x.n_in + x.n_out for x in layers) + 2 * biases
    assert cost_of("batch_ensemble", backbone, likelihood, n_members=3) == (3 * flops, params)


@pytest.mark.parametrize(
    ("logits_ND", "n_exits", "inputs_of_exit"),
    [
        # Exits 1 and 2 for one input each: the third stage is cut off.
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1, [1, 1, 0]),
        ([[2.0, 0.0, 1.0], [1.0, 0.0, 2.0]], 2, [2, 0, 2]),
    ],
)
@every_task
@every_backbone
def test_an_sae_costs_its_trunk_up_to_the_deepest_exit_and_the_heads_in_use(
    backbone: str,
    likelihood: Likelihood,
    logits_ND: list[list[float]],
    n_exits: int,
    inputs_of_exit: list[int],
) -> None:
    table = TABLES[backbone]
    problem = Problem(shape=table.shape, likelihood=likelihood, backbone=table.settings)
    method = SAE(problem, SAESettings(n_inputs=2, n_exits=n_exits), seed=0)
    with torch.no_grad():
        method.depth_logits_ND.copy_(torch.tensor(logits_ND))
    # The second input widens the first layer, and nothing else.
    first = table.stem.layers[0]
    used = [depth for depth, n_inputs in enumerate(inputs_of_exit) if n_inputs]
    parts = [Part([first._replace(bias=False)]), table.stem, *table.stages[: max(used) + 1]]
    for depth in used:
        parts += [table.adapters[depth], table.head(inputs_of_exit[depth] * likelihood.n_outputs)]
    assert pair(measure(method.deployed(), table.shape)) == total(parts)
