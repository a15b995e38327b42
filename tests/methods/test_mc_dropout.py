from typing import Any

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem
from torch import Tensor, nn

from bench.cost import measure
from methods.backbones.vgg import VGGSettings
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical
from methods.core.network import Problem
from methods.mc_dropout import AlwaysOnDropout, MCDropout, MCDropoutSettings
from methods.standard import Standard


def trained_averages(method: Standard[Any], x_BQHW: Tensor) -> Standard[Any]:
    """BatchNorm averages away from their start, in evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for scale in (1.0, 3.0):
            method.network.train()(scale * x_BQHW + 1)
    return method.eval()


def layer_inputs(method: Standard[Any], x_BQHW: Tensor) -> list[Tensor]:
    """What every linear layer is given in one pass, the input layer first."""
    seen: list[Tensor] = []
    layers = [module for module in method.modules() if isinstance(module, nn.Linear)]
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0])) for layer in layers
    ]
    method(x_BQHW)
    for hook in hooks:
        hook.remove()
    return seen


def test_passes_are_members_that_differ() -> None:
    problem = make_problem(width=16)
    method = MCDropout(problem, MCDropoutSettings(rate=0.3, n_passes=3), seed=5)
    x_BQHW, _ = batch(problem)
    outputs_BSC = trained_averages(method, x_BQHW)(x_BQHW)
    assert outputs_BSC.shape == (8, 3, 3)
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not torch.isclose(outputs_BSC[:, one], outputs_BSC[:, other]).any(-1).any()
    assert method.weights().tolist() == pytest.approx([1 / 3] * 3)


def test_every_row_draws_its_own_masks() -> None:
    problem = make_problem(width=16)
    method = MCDropout(problem, MCDropoutSettings(rate=0.3, n_passes=2), seed=5)
    x_BQHW, _ = batch(problem)
    trained_averages(method, x_BQHW)
    same_BSC = method(x_BQHW[:1].expand(8, -1, -1, -1))
    distinct = {tuple(row) for row in same_BSC.flatten(0, 1).tolist()}
    assert len(distinct) == 16


def test_members_belong_to_their_rows() -> None:
    """A row's S outputs are of that row: with rows far apart, none can be mistaken."""
    problem = make_problem(width=16)
    method = MCDropout(problem, MCDropoutSettings(rate=0.01, n_passes=4), seed=5)
    x_BQHW, _ = batch(problem)
    trained_averages(method, x_BQHW)
    torch.manual_seed(1)
    many_BSC = torch.stack([method(x_BQHW) for _ in range(20)]).median(0).values
    without = MCDropout(problem, MCDropoutSettings(rate=0.0, n_passes=4), seed=5).eval()
    without.load_state_dict(method.state_dict())
    torch.testing.assert_close(many_BSC, without(x_BQHW), atol=0.15, rtol=0.1)


def test_batch_norm_uses_its_averages_at_evaluation() -> None:
    problem = make_problem(width=16)
    method = MCDropout(problem, MCDropoutSettings(rate=0.3), seed=5)
    x_BQHW, _ = batch(problem)
    trained_averages(method, x_BQHW)
    before = {name: values.clone() for name, values in method.named_buffers()}
    torch.manual_seed(3)
    first_BSC = method(x_BQHW)
    assert all(torch.equal(values, before[name]) for name, values in method.named_buffers())
    # It uses them: other averages, other outputs. And no row depends on the others.
    for name, values in method.named_buffers():
        if name.endswith("running_mean"):
            values.add_(1.0)
    torch.manual_seed(3)
    assert not torch.isclose(method(x_BQHW), first_BSC).all()


@pytest.mark.parametrize("drop_input", [True, False])
def test_input_layer_drops_only_if_asked(drop_input: bool) -> None:
    problem = make_problem(width=16, depth=2)
    settings = MCDropoutSettings(rate=0.4, n_passes=1, drop_input=drop_input)
    method = MCDropout(problem, settings, seed=5).eval()
    x_BQHW, _ = batch(problem, 50)
    torch.manual_seed(0)
    first, *later = layer_inputs(method, x_BQHW)
    pixels = x_BQHW.flatten(1)
    if drop_input:
        dropped = first == 0
        assert dropped.float().mean().item() == pytest.approx(0.4, abs=0.1)
        torch.testing.assert_close(first[~dropped], pixels[~dropped] / 0.6)
    else:
        assert torch.equal(first, pixels)
    assert len(later) == 3  # two blocks and the exit
    for given in later:
        assert (given == 0).float().mean() > 0.3


@pytest.mark.parametrize("maps", ["elementwise", "channelwise"])
def test_before_convolutions_entries_or_whole_channels_are_dropped(maps: str) -> None:
    body = VGGSettings(width=16, depth=2)
    problem = Problem(shape=ImageShape(1, 8, 8), likelihood=Categorical(3), backbone=body)
    method = MCDropout(problem, MCDropoutSettings(rate=0.4, n_passes=1, maps=maps), seed=5).eval()
    seen: list[Tensor] = []
    for module in method.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    torch.manual_seed(0)
    method(torch.rand(50, 1, 8, 8) + 1)
    pixels, *maps_BFHW = seen
    for features in (pixels, *maps_BFHW):
        whole_BF = (features == 0).all(-1).all(-1).float().mean().item()
        if maps == "channelwise" and features is not pixels:
            assert whole_BF > 0.3
        else:  # the pixels of the input are dropped one by one
            assert whole_BF < 0.15
    assert (
        measure(method, problem.shape).flops
        == measure(MCDropout(problem, MCDropoutSettings(n_passes=1), seed=5), problem.shape).flops
    )


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_on_before_every_layer_in_training_and_evaluation(training: bool) -> None:
    problem = make_problem(depth=3)
    method = MCDropout(problem, MCDropoutSettings(rate=0.5), seed=5).train(training)
    n_layers = sum(isinstance(module, nn.Linear) for module in method.modules())
    pairs: list[Any] = [
        module
        for module in method.modules()
        if isinstance(module, nn.Sequential) and isinstance(module[0], AlwaysOnDropout)
    ]
    assert len(pairs) == n_layers == 5  # stem, three blocks, the exit
    assert all(isinstance(layer, nn.Linear) for _, layer in pairs)
    ones = torch.ones(64, 64)
    torch.manual_seed(0)
    for dropout, _ in pairs:
        assert set(dropout(ones).unique().tolist()) == {0.0, 2.0}


def test_moments_of_a_dropped_linear_layer() -> None:
    # E[W dropout(x)] = W x; Var = p / (1 - p) * sum_i (w_i x_i)^2.
    rate, n_draws = 0.3, 20_000
    stream = torch.Generator().manual_seed(0)
    x_F = torch.randn(6, generator=stream, dtype=torch.float64)
    weight_OF = torch.randn(4, 6, generator=stream, dtype=torch.float64)
    torch.manual_seed(0)
    draws_NO = AlwaysOnDropout(rate).eval()(x_F.expand(n_draws, -1)) @ weight_OF.T
    variance_O = rate / (1 - rate) * ((weight_OF * x_F) ** 2).sum(1)
    standard_error_O = (variance_O / n_draws).sqrt()
    assert ((draws_NO.mean(0) - weight_OF @ x_F).abs() < 4 * standard_error_O).all()
    # A variance of n draws has the relative standard error sqrt(2 / n) = 0.01 (less for these).
    torch.testing.assert_close(draws_NO.var(0), variance_O, rtol=0.05, atol=0.0)


@pytest.mark.parametrize("rate", [1.0, -0.1])
def test_rate_out_of_range_is_an_error(rate: float) -> None:
    with pytest.raises(ValueError, match=rf"mc_dropout\.rate={rate}: must be"):
        MCDropoutSettings(rate=rate)
