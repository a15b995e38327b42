"""MixMo's mix and its loss, written out literally; at a ratio of one half it is MIMO."""

import pytest
import torch
from method_contract import batch
from settled import settle
from tiny_problems import make_problem

from methods.backbones import backbone_names, load_backbone
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical, Gaussian
from methods.core.network import Network, Problem
from methods.mixmo import Mix, MixedInput, MixMo, MixMoSettings, boxes, loss_weights


def test_loss_weights_by_hand() -> None:
    # r = 1: 2 k and 2 (1 - k). r = 3, k = 1/9: cube roots 1 : 2.
    assert loss_weights(torch.tensor([0.25]), 1.0).tolist() == [[0.5, 1.5]]
    torch.testing.assert_close(
        loss_weights(torch.tensor([1 / 9, 0.5]), 3.0), torch.tensor([[2 / 3, 4 / 3], [1.0, 1.0]])
    )


def test_features_are_mixed_as_in_the_paper() -> None:
    """2 (k W_0 x_0 + (1 - k) W_1 x_1) + b, by a ratio and by a mask."""
    torch.manual_seed(0)
    layer = MixedInput(torch.nn.Conv2d(4, 5, 3, padding=1))
    weight, bias = layer.layer.weight, layer.layer.bias
    x = torch.randn(6, 4, 7, 7)
    l_0, l_1 = (
        torch.nn.functional.conv2d(part, kernel, padding=1)
        for part, kernel in zip(x.chunk(2, 1), weight.chunk(2, 1), strict=True)  # type: ignore[operator]
    )
    ratio_B = torch.rand(6)
    layer.mix = Mix(ratio_B, cut=torch.tensor(False))
    k = ratio_B.view(6, 1, 1, 1)
    expected = 2 * (k * l_0 + (1 - k) * l_1) + bias.view(-1, 1, 1)  # type: ignore[operator]
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)
    layer.mix = Mix(ratio_B, cut=torch.tensor(True))
    torch.manual_seed(1)
    found = layer(x)
    torch.manual_seed(1)
    k = boxes(ratio_B, (7, 7))[:, None]
    expected = 2 * (k * l_0 + (1 - k) * l_1) + bias.view(-1, 1, 1)  # type: ignore[operator]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.mix.ratio_B, k.mean((1, 2, 3)))


@pytest.mark.parametrize("sizes", [(40, 40), (1000,)])
def test_a_box_is_as_large_as_its_ratio(sizes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    for ratio in (0.0, 0.3, 0.9, 1.0):
        masks = boxes(torch.full((2000,), ratio), sizes)
        assert masks.shape == (2000, *sizes)
        inside = 1 - masks.flatten(1).mean(1)
        assert inside.max() <= (1 - ratio) * 1.1 + 1e-6  # never more but for whole pixels
        if ratio == 0.9:
            assert inside.max() == pytest.approx(0.1, abs=0.01)  # where no border clips it
        if ratio == 1.0:
            assert masks.all()


@pytest.mark.parametrize("likelihood", [Categorical(3), Gaussian()], ids=lambda one: one.task)
@pytest.mark.parametrize("backbone", backbone_names())
def test_at_one_half_it_is_mimo(backbone: str, likelihood: Categorical | Gaussian) -> None:
    body = load_backbone(backbone).from_dict({"width": 16, "depth": 2})
    problem = Problem(shape=ImageShape(3, 8, 8), likelihood=likelihood, backbone=body)
    # So narrow a Beta distribution that every ratio is 1/2.
    settings = MixMoSettings(cut_probability=0.0, concentration=1e12)
    method = MixMo(problem, settings, seed=0)
    settle(method)
    mimo = Network(problem, n_inputs=2, exits=[2]).eval()
    state = {key.replace(".layer.", "."): v for key, v in method.network.state_dict().items()}
    mimo.load_state_dict(state)
    x_BQHW, y_B = torch.randn(6, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1, 0])
    torch.testing.assert_close(
        method(x_BQHW), mimo(torch.cat((x_BQHW, x_BQHW), dim=1)), rtol=1e-4, atol=1e-5
    )
    torch.manual_seed(3)
    loss = method.loss(x_BQHW, y_B, 0.0)
    torch.manual_seed(3)
    order_B = torch.randperm(6)
    outputs_B2C = mimo(torch.cat((x_BQHW, x_BQHW[order_B]), dim=1))
    y_B2 = torch.stack((y_B, y_B[order_B]), dim=1)
    expected = -problem.likelihood.log_prob(outputs_B2C, y_B2).sum(1).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


def test_boxes_end_with_the_training() -> None:
    method = MixMo(make_problem(), MixMoSettings(cut_probability=1.0), seed=0)
    torch.manual_seed(0)
    assert all(method._mix(2, 11 / 12, torch.device("cpu")).cut for _ in range(20))
    assert 40 < sum(bool(method._mix(2, 23 / 24, torch.device("cpu")).cut) for _ in range(100)) < 60
    assert not any(method._mix(2, 1.0, torch.device("cpu")).cut for _ in range(20))


def test_nothing_of_a_mix_is_left_after_a_step() -> None:
    problem = make_problem()
    method = MixMo(problem, MixMoSettings(), seed=0)
    x_BQHW, y_B = batch(problem, 4)
    method.loss(x_BQHW, y_B, 0.5)
    (first,) = (m for m in method.modules() if isinstance(m, MixedInput))
    assert first.mix is None
