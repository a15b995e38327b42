"""FLOPs and parameters against sums written out from the layer sizes.

A linear layer costs in * out FLOPs a row (its bias is free) and has in * out + out parameters;
batch normalisation of F features costs 2 * F a row and has 2 * F parameters.
"""

import copy
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.cost import COUNTED_OPS, FREE_OPS, OTHER, Cost, costs_of, measure
from methods import load_method
from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical, Gaussian
from methods.core.method import Method, Predictor
from methods.core.network import Problem
from methods.sae import SAE, SAESettings

# 64 pixels, 3 stages of 16 features, 10 outputs.
DIGITS = Problem(
    shape=ImageShape(1, 8, 8), likelihood=Categorical(10), backbone=FCSettings(width=16, depth=3)
)
# 60 pixels, 2 stages of 8 features, 2 outputs (mean and log-variance).
COLOUR = Problem(
    shape=ImageShape(3, 5, 4), likelihood=Gaussian(), backbone=FCSettings(width=8, depth=2)
)


def build(name: str, problem: Problem, **settings: Any) -> Method[Any]:
    method = load_method(name)
    return method(problem, method.settings_type(**settings), seed=0)


def cost_of(name: str, problem: Problem, **settings: Any) -> Cost:
    """As the paper counts."""
    return costs_of(build(name, problem, **settings).pruned(), problem.shape).paper


def test_the_table_by_hand() -> None:
    # Stem 64*16, three stages of 16*16 + 2*16 (batch norm), head 16*10; test_method_costs.py has
    # every method on every backbone.
    cost = cost_of("standard", DIGITS)
    assert (cost.flops, cost.params) == (2048, 2122)


# ---- SAE: on DIGITS, N inputs, exits 1 and 2 have adapters, exit 3 (the last) has none.
STAGE, ADAPTER = 256 + 32, 256 + 32
STAGE_PARAMS, ADAPTER_PARAMS = 256 + 16 + 32, 256 + 16 + 32
ROWS, ROWS_PARAMS = 160, 170  # a head's 10 rows for one input


class Point(NamedTuple):
    category: str
    logits_ND: list[list[float]]
    n_exits: int
    stages: int
    adapters: int
    rows: int
    negligible: str = "kept"


POINTS = [
    # Exit 2 alone: the third stage is cut off.
    Point("SE NN", [[0, 1, 0]], 1, stages=2, adapters=1, rows=1),
    Point("SE NN", [[0, 0, 1]], 1, stages=3, adapters=0, rows=1),
    Point("EE", [[2, 1, 0]], 2, stages=2, adapters=2, rows=2),
    Point("EE", [[1, 0, 2]], 2, stages=3, adapters=1, rows=2),
    # Inputs at different exits: each head keeps one input's rows.
    Point("MIMO", [[0, 1, 0], [1, 0, 0]], 1, stages=2, adapters=2, rows=2),
    Point("MIMO", [[0, 0, 1], [0, 0, 1], [0, 0, 1]], 1, stages=3, adapters=0, rows=3),
    Point("I/B", [[2, 1, 0], [1, 2, 0]], 2, stages=2, adapters=2, rows=4),
    Point("I/B", [[2, 1, 0], [1, 0, 2]], 2, stages=3, adapters=2, rows=4),
    Point("MIMMO", [[0, 0, 0], [0, 0, 0]], 3, stages=3, adapters=2, rows=6),
    # exp(-10 / 0.5) of the probability is below 0.001: K = 3 is a maximum, two exits stay.
    Point("MIMMO", [[0, 0, -10], [0, 0, -10]], 3, 2, 2, 4, negligible="dropped"),
    Point("MIMMO", [[0, 0, -10], [0, 0, -10]], 3, 3, 2, 6, negligible="kept"),
    Point("EE", [[10, 0, 0]], 3, 1, 1, 1, negligible="dropped"),
]


def sae(logits_ND: Tensor, n_exits: int, negligible: str = "kept") -> SAE:
    settings = SAESettings(
        n_inputs=len(logits_ND), n_exits=n_exits, negligible_exits=negligible, temperature_end=0.5
    )
    method = SAE(DIGITS, settings, seed=0)
    with torch.no_grad():
        method.depth_logits_ND.copy_(logits_ND)
    return method


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_sae_costs_its_trunk_up_to_the_deepest_exit_and_the_heads_it_uses(point: Point) -> None:
    method = sae(torch.tensor(point.logits_ND), point.n_exits, point.negligible)
    assert SAE.category(method.settings, DIGITS.backbone) == point.category
    costs = costs_of(method.pruned(), DIGITS.shape)
    n_inputs, blocks = len(point.logits_ND), point.stages + point.adapters
    assert costs.paper.flops == (
        n_inputs * 64 * 16 + point.stages * STAGE + point.adapters * ADAPTER + point.rows * ROWS
    )
    assert costs.paper.params == (
        (n_inputs * 64 * 16 + 16)
        + point.stages * STAGE_PARAMS
        + point.adapters * ADAPTER_PARAMS
        + point.rows * ROWS_PARAMS
    )
    # One slice of the first layer; batch norm is folded: 2 FLOPs and 2 parameters per feature.
    extra = (n_inputs - 1) * 64 * 16 + blocks * 2 * 16
    assert costs.exported.flops == costs.paper.flops - extra
    assert costs.exported.params == costs.paper.params - extra


def test_pruning_never_costs_more() -> None:
    generator = torch.Generator().manual_seed(0)
    for n_exits in (1, 2, 3):
        logits_ND = torch.randn(2, 3, generator=generator)
        whole = measure(sae(logits_ND, 3).deployed(), DIGITS.shape)
        pruned = measure(sae(logits_ND, n_exits).deployed(), DIGITS.shape)
        assert pruned.flops <= whole.flops
        assert pruned.params <= whole.params
        assert (pruned.flops < whole.flops) == (n_exits < 3)


# ---- Parts


def test_parts_of_a_pruned_sae() -> None:
    method = sae(torch.tensor([[2.0, 1.0, 0.0], [1.0, 0.0, 2.0]]), n_exits=2)
    costs = costs_of(method.pruned(), DIGITS.shape)
    assert costs.paper.flops_by_part == {
        "network.backbone.stem": 2 * 1024,
        "network.backbone.stages.0": STAGE,
        "network.backbone.stages.1": STAGE,
        "network.backbone.stages.2": STAGE,
        "network.heads.1.adapter": ADAPTER,
        "network.heads.1.linear": 2 * ROWS,
        "network.heads.2.adapter": ADAPTER,
        "network.heads.2.linear": ROWS,
        "network.heads.3.linear": ROWS,
    }
    # Exits with unequal rows are not merged.
    assert costs.exported.flops_by_part["network.heads.1.linear"] == 2 * ROWS
    equal = costs_of(sae(torch.tensor([[2.0, 0.0, 1.0]]), n_exits=2).pruned(), DIGITS.shape)
    assert equal.exported.flops_by_part == {
        "network.backbone.stem": 1024,
        **{f"network.backbone.stages.{i}": 256 for i in range(3)},
        "network.adapters.1": 256,
        "network.linear": 2 * ROWS,
    }


def test_parts_of_replaced_layers_and_of_members() -> None:
    assert cost_of("batch_ensemble", COLOUR, n_members=2).flops_by_part == {
        "network.backbone.stem": 2 * (480 + 60 + 8),
        "network.backbone.stages.0": 2 * (64 + 16 + 8 + 8),
        "network.backbone.stages.1": 2 * (64 + 16 + 8 + 8),
        "network.heads.2.linear": 2 * (16 + 8 + 2),
    }
    assert cost_of("ensemble", COLOUR, n_members=2).flops_by_part == {
        f"members.{member}.network.{part}": flops
        for member in (0, 1)
        for part, flops in {
            "backbone.stem": 480,
            "backbone.stages.0": 80,
            "backbone.stages.1": 80,
            "heads.2.linear": 16,
        }.items()
    }


# ---- An outside oracle: torch's own counter, which takes 2 FLOPs for a multiply-add and counts
# neither batch norm nor products.


@pytest.mark.parametrize(
    ("name", "settings", "others"),
    [
        ("standard", {}, 3 * 32),
        ("ensemble", {"n_members": 2}, 2 * 3 * 32),
        ("mc_dropout", {"n_passes": 3}, 3 * 3 * 32),
        ("batch_ensemble", {"n_members": 2}, 2 * (3 * 32 + (64 + 16) + 3 * (16 + 16) + (16 + 10))),
        # Equal logits: exit 1 (for K = 1) and exits 1, 2 (for K = 2) with their adapters.
        ("sae", {"n_inputs": 3, "n_exits": 1}, 32 + 32),
        ("sae", {"n_inputs": 2, "n_exits": 2}, 2 * 32 + 2 * 32),
    ],
)
def test_matrix_products_agree_with_torch(name: str, settings: dict[str, int], others: int) -> None:
    predictor = build(name, DIGITS, **settings).pruned()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        predictor(torch.zeros(1, *DIGITS.shape))
    cost = measure(predictor, DIGITS.shape)
    assert counter.get_total_flops() == 2 * (cost.flops - others)


# ---- Operations, one at a time, on 3 x 4 x 6 = 72 numbers


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x_BQHW: Tensor) -> Tensor:
        return self.function(x_BQHW)


class Single(Predictor):
    """A predictor that is one function and nothing else."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = Function(function)

    def forward(self, x_BQHW: Tensor) -> Tensor:
        outputs: Tensor = self.inner(x_BQHW)
        return outputs

    def weights(self) -> Tensor:
        return torch.ones(1)


SHAPE = ImageShape(3, 4, 6)


@pytest.mark.parametrize(
    ("function", "flops"),
    [
        (lambda x: x * x, 72),
        (lambda x: x * 0.5, 72),
        # Broadcast: the output's elements are what is multiplied.
        (lambda x: x[:, :, :1] * x, 72),
        (lambda x: x[:, :1] * x[:, :1], 24),
        # Arithmetic on shapes is no work on features.
        (lambda x: x.reshape(x.shape[1] * x.shape[2], -1), 0),
        (lambda x: x.mean((2, 3)), 72),
        (lambda x: nn.functional.adaptive_avg_pool2d(x, 1), 72),
        (lambda x: x.transpose(2, 3) @ x, 3 * 6 * 4 * 6),
        (lambda x: nn.functional.conv2d(x, torch.ones(5, 3, 3, 3), padding=1), 4 * 6 * 5 * 27),
        (lambda x: nn.functional.layer_norm(x, (6,), torch.ones(6), torch.zeros(6)), 5 * 72),
        (lambda x: nn.functional.dropout(x, 0.5, training=True), 0),
        (lambda x: (x + 1).relu(), 0),
        (lambda x: (x + 1).relu_(), 0),
        (lambda x: (x + 1).add_(x), 0),
        (lambda x: x.repeat(2, 1, 1, 1).repeat_interleave(2, dim=0), 0),
        (lambda x: nn.functional.max_pool2d(x, 2), 0),
        (lambda x: torch.softmax(nn.functional.gelu(x), dim=-1), 0),
    ],
)
def test_operations(function: Callable[[Tensor], Tensor], flops: int) -> None:
    cost = measure(Single(function), SHAPE)
    assert cost == Cost(flops=flops, params=0, flops_by_part={OTHER: flops} if flops else {})


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda x: x.cumsum(-1), "aten::cumsum"),
        (lambda x: torch.fft.fft(x), "aten::fft_fft"),
        (nn.functional.silu, "aten::silu"),
        # Fused attention would hide its two matrix products.
        (
            lambda x: nn.functional.scaled_dot_product_attention(x, x, x),
            "aten::scaled_dot_product_attention",
        ),
    ],
)
def test_an_uncounted_operation_is_an_error(
    function: Callable[[Tensor], Tensor], op: str, caplog: pytest.LogCaptureFixture
) -> None:
    message = rf"{op} \(in inner\).*COUNTED_OPS.*FREE_OPS.*bench/cost\.py"
    with pytest.raises(ValueError, match=message):
        measure(Single(function), SHAPE)
    assert not caplog.records


def test_no_operation_is_both_counted_and_free() -> None:
    assert not set(FREE_OPS) & set(COUNTED_OPS)


# ---- Side effects


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["standard", "ensemble", "mc_dropout", "batch_ensemble"])
def test_measuring_changes_nothing(
    name: str, training: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    method = build(name, DIGITS).train(training)
    state, random_state = copy.deepcopy(method.state_dict()), torch.get_rng_state()
    expected = cost_of(name, DIGITS)
    # Batch statistics or dropped features would show in the buffers; train mode costs as eval mode.
    assert measure(method, DIGITS.shape) == expected
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(module.training == training for module in method.modules())
    assert all(torch.equal(values, state[key]) for key, values in method.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in method.modules())
    assert not caplog.records


def test_shared_parameters_count_once_and_buffers_never(caplog: pytest.LogCaptureFixture) -> None:
    predictor = Single(torch.relu)
    predictor.register_buffer("table", torch.ones(100))
    predictor.first = nn.Linear(3, 4)
    predictor.second = nn.Linear(3, 4)
    predictor.second.weight = predictor.first.weight
    assert measure(predictor, SHAPE).params == 12 + 4 + 4
    # fvcore's remark that the two layers are never called is not passed on.
    assert not caplog.records
