import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from method_contract import batch
from tiny_problems import make_problem
from torch import Tensor, nn

from methods.batch_ensemble import BatchEnsemble, BatchEnsembleSettings, RankOne
from methods.core.member_rows import MemberLinear, Scaled
from methods.core.network import Problem
from methods.standard import Standard, StandardSettings


def rank_ones(method: nn.Module) -> dict[str, RankOne]:
    return {name: m for name, m in method.named_modules() if isinstance(m, RankOne)}


def randomise_biases(method: nn.Module) -> None:
    for layer in rank_ones(method).values():
        if layer.b_MO is not None:
            nn.init.normal_(layer.b_MO)


def explicit_weight(layer: RankOne, member: int) -> Tensor:
    """W * r s^T of one member: W[o, i] r[i] s[o], the same for each pixel of a kernel."""
    weight = layer.shared.weight
    assert isinstance(weight, Tensor)
    outer = layer.s_MO[member][:, None] * layer.r_MI[member]
    return weight * outer.view(outer.shape + (1,) * (weight.ndim - 2))


LAYERS: dict[str, tuple[Callable[[], nn.Linear | nn.Conv2d], tuple[int, ...], Any]] = {
    "linear": (lambda: nn.Linear(5, 4), (6, 5), F.linear),
    "linear on tokens": (lambda: nn.Linear(5, 4), (6, 7, 5), F.linear),
    "linear without bias": (lambda: nn.Linear(5, 4, bias=False), (6, 5), F.linear),
    "convolution": (
        lambda: nn.Conv2d(5, 4, 3, stride=2, padding=1),
        (6, 5, 7, 7),
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
    ),
    "convolution without bias": (lambda: nn.Conv2d(5, 4, 3, bias=False), (6, 5, 7, 7), F.conv2d),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("fast_init", ["normal", "random_sign"])
def test_members_are_explicit_layers_with_their_own_weights(name: str, fast_init: str) -> None:
    make, shape, function = LAYERS[name]
    torch.manual_seed(0)
    layer = RankOne(make(), BatchEnsembleSettings(n_members=3, fast_init=fast_init)).double()
    with torch.no_grad():
        if layer.b_MO is not None:
            layer.b_MO.normal_()
    x = torch.randn(shape, dtype=torch.float64)
    blocks = zip(x.chunk(3), layer(x).chunk(3), strict=True)
    for member, (x_member, y_member) in enumerate(blocks):
        bias_O = None if layer.b_MO is None else layer.b_MO[member]
        expected = function(x_member, explicit_weight(layer, member), bias_O)
        torch.testing.assert_close(y_member, expected)


def explicit_member(method: BatchEnsemble, problem: Problem, member: int) -> Standard[Any]:
    """One member as a standard network, its weights multiplied out."""
    standard = Standard(problem, StandardSettings(), seed=0)
    state = standard.state_dict()
    for name, layer in rank_ones(method).items():
        assert layer.b_MO is not None
        state[f"{name}.weight"] = explicit_weight(layer, member)
        state[f"{name}.bias"] = layer.b_MO[member]
    shared = method.state_dict()
    state.update({name: shared[name] for name in state if name in shared})
    standard.load_state_dict(state)
    return standard.eval()


def test_the_network_is_its_members_as_standard_networks() -> None:
    problem = make_problem()
    method = BatchEnsemble(problem, BatchEnsembleSettings(n_members=3), seed=5)
    randomise_biases(method)
    x_BQHW, y_B = batch(problem, 7)
    method.loss(2 * x_BQHW + 1, y_B, 0.0)  # moves the BatchNorm averages
    method.eval()
    outputs_BMC = method(x_BQHW)
    assert outputs_BMC.shape == (7, 3, 3)
    for member in range(3):
        alone_BC = explicit_member(method, problem, member)(x_BQHW)[:, 0]
        torch.testing.assert_close(outputs_BMC[:, member], alone_BC, rtol=1e-4, atol=1e-5)
    assert method.weights().tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_tiled_loss_is_the_mean_of_the_members_losses(task: str) -> None:
    problem = make_problem(task)
    method = BatchEnsemble(problem, BatchEnsembleSettings(n_members=3), seed=5).eval()
    x_BQHW, y_B = batch(problem, 7)
    losses = [
        explicit_member(method, problem, member).loss(x_BQHW, y_B, 0.0).item()
        for member in range(3)
    ]
    assert max(losses) - min(losses) > 0.01
    assert method.loss(x_BQHW, y_B, 0.0).item() == pytest.approx(sum(losses) / 3, rel=1e-4)


@pytest.mark.parametrize(
    ("n_rows", "rows_by_member"),
    [
        (6, [[0, 1], [2, 3], [4, 5]]),
        (7, [[0, 1, 2], [3, 4, 5], [6, 0, 1]]),  # 7 rows do not divide by 3: it wraps around
        (2, [[0], [1], [0]]),
    ],
)
def test_split_sends_each_row_to_one_member(n_rows: int, rows_by_member: list[list[int]]) -> None:
    problem = make_problem()
    method = BatchEnsemble(problem, BatchEnsembleSettings(n_members=3, batch="split"), seed=5)
    x_BQHW, y_B = batch(problem, n_rows)
    method.eval()
    total = sum(
        -problem.likelihood.log_prob(
            explicit_member(method, problem, member)(x_BQHW[rows])[:, 0], y_B[rows]
        ).sum()
        for member, rows in enumerate(rows_by_member)
    )
    n_seen = sum(map(len, rows_by_member))
    torch.testing.assert_close(method.loss(x_BQHW, y_B, 0.0), total / n_seen)


def test_wrapping_repeats_a_row_more_than_once_only_if_it_must() -> None:
    problem = make_problem()
    method = BatchEnsemble(problem, BatchEnsembleSettings(n_members=4, batch="split"), seed=5)
    seen: list[Tensor] = []
    method.network.register_forward_pre_hook(lambda _, given: seen.append(given[0][:, 0, 0, 0]))
    x_BQHW = torch.arange(10.0)[:, None, None, None].expand(-1, *problem.shape)
    method.loss(x_BQHW, torch.zeros(10, dtype=torch.long), 0.0)
    assert seen[0].int().tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize("n_members", [1, 3])
def test_biases_start_at_zero_or_at_the_layers_default(n_members: int) -> None:
    problem = make_problem()
    standard = Standard(problem, StandardSettings(), seed=5).state_dict()
    for bias_init in ("zero", "default"):
        settings = BatchEnsembleSettings(n_members=n_members, bias_init=bias_init)
        for name, layer in rank_ones(BatchEnsemble(problem, settings, seed=5)).items():
            assert layer.b_MO is not None
            assert layer.shared.bias is None
            start = standard[f"{name}.bias"]
            assert start.any()
            expected = start if bias_init == "default" else torch.zeros_like(start)
            assert torch.equal(layer.b_MO, expected.expand(n_members, -1)), name


def test_shared_weights_start_as_the_standard_nns() -> None:
    problem = make_problem()
    standard = Standard(problem, StandardSettings(), seed=5).state_dict()
    for name, layer in rank_ones(BatchEnsemble(problem, BatchEnsembleSettings(), seed=5)).items():
        assert torch.equal(layer.shared.weight, standard[f"{name}.weight"])


def test_normal_factors_have_mean_1_and_standard_deviation_a_half() -> None:
    torch.manual_seed(0)
    layer = RankOne(nn.Linear(2000, 2000), BatchEnsembleSettings(n_members=4))
    for values in (layer.r_MI, layer.s_MO):
        # 8,000 draws: standard errors 0.5 / sqrt(8000) = 0.006 and 0.5 / sqrt(16000) = 0.004.
        assert values.mean().item() == pytest.approx(1.0, abs=0.024)
        assert values.std().item() == pytest.approx(0.5, abs=0.016)
        assert not torch.equal(values[0], values[1])


def test_random_signs_are_fair() -> None:
    torch.manual_seed(0)
    settings = BatchEnsembleSettings(n_members=4, fast_init="random_sign")
    layer = RankOne(nn.Linear(2000, 2000), settings)
    for values in (layer.r_MI, layer.s_MO):
        assert set(values.flatten().tolist()) == {-1.0, 1.0}
        assert abs(values.mean().item()) < 4 / math.sqrt(8000)
        assert not torch.equal(values[0], values[1])


def test_factors_have_no_decay_and_their_own_learning_rate() -> None:
    settings = BatchEnsembleSettings(fast_learning_rate=0.25)
    method = BatchEnsemble(make_problem(), settings, seed=5)
    slow, fast = method.parameter_groups()
    layers = rank_ones(method).values()
    factors = {id(values) for layer in layers for values in (layer.r_MI, layer.s_MO)}
    assert {id(values) for values in fast.parameters} == factors
    assert (fast.weight_decay, fast.learning_rate) == (False, 0.25)
    assert (slow.weight_decay, slow.learning_rate) == (True, 1.0)
    biases = {id(layer.b_MO) for layer in layers}
    assert biases <= {id(values) for values in slow.parameters}


def test_every_linear_layer_has_factors() -> None:
    method = BatchEnsemble(make_problem(depth=3), BatchEnsembleSettings(), seed=5)
    n_layers = sum(isinstance(module, nn.Linear) for module in method.modules())
    assert len(rank_ones(method)) == n_layers == 5  # stem, three blocks, the exit


def test_tabm_mini_is_one_body_with_a_scaled_input_and_a_head_for_each_member() -> None:
    problem = make_problem(width=8)
    settings = BatchEnsembleSettings(n_members=3, adapters="first", fast_init="random_sign")
    method = BatchEnsemble(problem, settings, seed=1).eval()
    assert not rank_ones(method)
    (scaled,) = (m for m in method.modules() if isinstance(m, Scaled))
    (head,) = (m for m in method.modules() if isinstance(m, MemberLinear))
    assert set(scaled.factors_MF.abs().flatten().tolist()) == {1.0}
    x_BQHW, _ = batch(problem, 5)
    outputs_BMC = method(x_BQHW)
    for member in range(3):
        plain = Standard(problem, StandardSettings(), seed=1).eval()
        first, *_, last = (m for m in plain.modules() if isinstance(m, nn.Linear))
        first.weight.data *= scaled.factors_MF[member]
        last.weight.data = head.weight_MFO[member].T
        last.bias.data = head.bias_M1O[member, 0]
        torch.testing.assert_close(outputs_BMC[:, [member]], plain(x_BQHW))
    groups = {group.name: group for group in method.parameter_groups()}
    assert [id(values) for values in groups["fast_weights"].parameters] == [id(scaled.factors_MF)]
