"""Every method on every backbone costs what its layers add up to.

Layers are those of layer_tables.py; each method changes the sum by a rule of its own. Both counts:
of the network that is exported, and of its layers as the paper counts them.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backbones.layer_tables import TABLES, Layer, Part, total
from bench import cost
from bench.cost import OTHER
from methods import load_method
from methods.backbones import backbone_names
from methods.core.likelihood import Likelihood, likelihood_for
from methods.core.method import Method
from methods.core.network import Problem
from methods.sae import SAE, SAESettings

CLASSES, VALUE = likelihood_for("classification", 5), likelihood_for("regression", 5)
every_backbone = pytest.mark.parametrize("backbone", backbone_names())
# The task is the number of outputs of a head.
every_cell = pytest.mark.parametrize(
    ("backbone", "likelihood"),
    [*((name, CLASSES) for name in backbone_names()), ("fc", VALUE)],
    ids=lambda x: getattr(x, "task", x),
)


Pair = tuple[int, int]


def costs_of(
    name: str, backbone: str, likelihood: Likelihood, **settings: Any
) -> tuple[Pair, Pair]:
    table, method_type = TABLES[backbone], load_method(name)
    problem = Problem(shape=table.shape, likelihood=likelihood, backbone=table.settings)
    return pairs(method_type(problem, method_type.settings_type(**settings), seed=0), problem)


def pairs(method: Method[Any], problem: Problem) -> tuple[Pair, Pair]:
    """FLOPs and parameters, exported and as the paper counts; none outside the network's parts."""
    costs = cost.costs_of(method.pruned(), problem.shape)
    for one in (costs.exported, costs.paper):
        assert sum(one.flops_by_part.values()) == one.flops
        assert OTHER not in one.flops_by_part
    return (costs.exported.flops, costs.exported.params), (costs.paper.flops, costs.paper.params)


def layers_of(parts: list[Part]) -> list[Layer]:
    return [layer for part in parts for layer in part.layers]


def both(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """The parts as they are exported, and as the paper counts them."""
    return [part.fused() for part in parts], parts


@every_backbone
def test_the_tables_to_the_last_digit(backbone: str) -> None:
    table = TABLES[backbone]
    assert total(table.standard(5)) == (table.flops, table.params)
    assert total([part.fused() for part in table.standard(5)]) == table.fused


@every_cell
def test_a_standard_nn_costs_its_layers(backbone: str, likelihood: Likelihood) -> None:
    exported, paper = both(TABLES[backbone].standard(likelihood.n_outputs))
    assert costs_of("standard", backbone, likelihood) == (total(exported), total(paper))


@every_cell
def test_ensembles_and_dropout_cost_their_members(backbone: str, likelihood: Likelihood) -> None:
    found = costs_of("ensemble", backbone, likelihood, n_members=3)
    passes = costs_of("mc_dropout", backbone, likelihood, n_passes=5)
    for index, parts in enumerate(both(TABLES[backbone].standard(likelihood.n_outputs))):
        flops, params = total(parts)
        assert found[index] == (3 * flops, 3 * params)
        assert passes[index] == (5 * flops, params)


@every_cell
def test_a_batch_ensemble_costs_its_members_and_their_products(
    backbone: str, likelihood: Likelihood
) -> None:
    found = costs_of("batch_ensemble", backbone, likelihood, n_members=3)
    for index, parts in enumerate(both(TABLES[backbone].standard(likelihood.n_outputs))):
        flops, params = total(parts)
        # r multiplies what goes into each layer, s what comes out.
        layers = layers_of(parts)
        flops += sum(x.n_in * x.pixels_in + x.n_out * x.pixels_out for x in layers)
        # r, s and the bias are each member's own, the rest is shared.
        biases = sum(x.bias * x.n_out for x in layers)
        params += 3 * sum(x.n_in + x.n_out for x in layers) + 2 * biases
        assert found[index] == (3 * flops, params)


@every_cell
def test_masksembles_cost_their_members_and_the_masks(
    backbone: str, likelihood: Likelihood
) -> None:
    found = costs_of("masksembles", backbone, likelihood, n_members=3)
    for index, parts in enumerate(both(TABLES[backbone].standard(likelihood.n_outputs))):
        flops, params = total(parts)
        flops += sum(x.n_in * x.pixels_in for x in layers_of(parts)[1:])
        assert found[index] == (3 * flops, params)


@every_cell
def test_tabm_mini_costs_its_members_one_scale_and_their_heads(
    backbone: str, likelihood: Likelihood
) -> None:
    found = costs_of("batch_ensemble", backbone, likelihood, n_members=3, adapters="first")
    table = TABLES[backbone]
    for index, parts in enumerate(both(table.standard(likelihood.n_outputs))):
        flops, params = total(parts)
        first, (_, head) = layers_of(parts)[0], table.head(likelihood.n_outputs).cost()
        flops += first.n_in * first.pixels_in
        assert found[index] == (3 * flops, params + 3 * first.n_in + 2 * head)


@every_cell
def test_mixmo_costs_one_more_head_than_a_standard_nn(
    backbone: str, likelihood: Likelihood
) -> None:
    table = TABLES[backbone]
    exported, paper = both(table.standard(2 * likelihood.n_outputs))
    wider = Part([table.stem.layers[0]._replace(bias=False)])
    found = costs_of("mixmo", backbone, likelihood)
    assert found == (total(exported), total([*paper, wider]))


@pytest.mark.parametrize(
    ("logits_ND", "n_exits", "inputs_of_exit"),
    [
        # Exits 1 and 2 for one input each: the third stage is cut off.
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1, [1, 1, 0]),
        ([[2.0, 0.0, 1.0], [1.0, 0.0, 2.0]], 2, [2, 0, 2]),
    ],
)
@every_cell
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
    used = [depth for depth, n_inputs in enumerate(inputs_of_exit) if n_inputs]
    parts = [table.stem, *table.stages[: max(used) + 1]]
    for depth in used:
        parts += [table.adapters[depth], table.head(inputs_of_exit[depth] * likelihood.n_outputs)]
    # The second input widens the first layer as it is trained, and nothing else.
    wider = Part([table.stem.layers[0]._replace(bias=False)])
    exported, paper = [part.fused() for part in parts], [*parts, wider]
    assert pairs(method, problem) == (total(exported), total(paper))
