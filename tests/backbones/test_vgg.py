"""VGG against torchvision's layers; its cost: test_method_costs.py."""

import pytest
import torch
from settled import settle
from torch import nn

from backbones.conftest import copy_in_order, n_parameters, stage_features
from methods.backbones.vgg import VGGSettings
from methods.core.backbone import ImageShape
from methods.core.exits import make_head
from methods.core.likelihood import Gaussian
from methods.core.network import Problem
from methods.standard import Standard, StandardSettings


def without_biases(layers: nn.Sequential) -> nn.Sequential:
    """The same layers, no convolution with a bias."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            layer.bias = None
    return layers


def test_width_64_and_depth_5_are_the_convolutions_of_vgg_13() -> None:
    from torchvision.models.vgg import cfgs, make_layers  # type: ignore[import-untyped]

    torch.manual_seed(0)
    # Configuration B of the paper, in torchvision's names; a bias ahead of batch norm is void.
    theirs = without_biases(make_layers(cfgs["B"], batch_norm=True))
    ours = VGGSettings(width=64, depth=5).build(ImageShape(3, 32, 48), 1)
    settle(theirs)
    copy_in_order(theirs, ours)
    ours.eval()
    features = x_BQHW = torch.randn(2, 3, 32, 48)
    before_pool = []
    for layer in theirs:
        if isinstance(layer, nn.MaxPool2d):
            before_pool.append(features)
        features = layer(features)
    with torch.no_grad():
        for got, expected in zip(stage_features(ours, x_BQHW), before_pool, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_widths_double_up_to_eightfold() -> None:
    backbone = VGGSettings(width=3, depth=6).build(ImageShape(1, 32, 32), 1)
    assert backbone.features == (3, 6, 12, 24, 24, 24)


# ---- Exits on a map


def test_an_early_exit_on_a_map_is_1x1_convolution_batch_norm_relu_average() -> None:
    torch.manual_seed(0)
    head = make_head("map", (3, 6), exit_depth=1, n_inputs=2, n_outputs=5)
    settle(head)
    convolution, norm, *_ = head.adapter.children()
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    x_BFHW = torch.randn(4, 3, 5, 7)
    projected = torch.einsum("bfhw,gf->bhwg", x_BFHW, convolution.weight[:, :, 0, 0])
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    normed = (projected - norm.running_mean) * scale + norm.bias
    pooled_BF = normed.clamp(min=0).mean((1, 2))
    expected = (pooled_BF @ head.linear.weight.T + head.linear.bias).view(4, 2, 5)
    torch.testing.assert_close(head(x_BFHW), expected, rtol=1e-4, atol=1e-5)
    assert n_parameters(head.adapter) == 3 * 6 + 2 * 6


def test_the_last_exit_on_a_map_is_the_average_alone() -> None:
    head = make_head("map", (3, 6), exit_depth=2, n_inputs=1, n_outputs=5)
    x_BFHW = torch.randn(4, 6, 5, 7)
    torch.testing.assert_close(head.adapter(x_BFHW), x_BFHW.mean((2, 3)))
    assert n_parameters(head.adapter) == 0


# ---- Shapes


@pytest.mark.parametrize(
    ("height", "width", "deepest"),
    [(1, 1, 1), (2, 9, 2), (9, 3, 2), (8, 8, 4), (15, 15, 4), (28, 28, 5), (64, 64, 7)],
)
def test_depth_is_bounded_by_what_pooling_leaves(height: int, width: int, deepest: int) -> None:
    shape = ImageShape(1, height, width)
    features = VGGSettings(width=2, depth=deepest).build(shape, 1).eval()
    assert stage_features(features, torch.zeros(1, *shape))[-1].shape[2:].numel() >= 1
    message = rf"vgg\.depth={deepest + 1}: .* {height}x{width} .*depth must be <= {deepest}$"
    for refuse in (
        VGGSettings(width=2, depth=deepest + 1).check,
        lambda shape: VGGSettings(width=2, depth=deepest + 1).build(shape, 1),
    ):
        with pytest.raises(ValueError, match=message):
            refuse(shape)


def test_maps_run_with_their_channels_innermost_from_the_first_convolution_on() -> None:
    for shape in (ImageShape(1, 8, 8), ImageShape(3, 8, 8)):
        problem = Problem(shape=shape, likelihood=Gaussian(), backbone=VGGSettings(width=4))
        network = Standard(problem, StandardSettings(), seed=0).network
        for layer in list(network.backbone.modules())[1:]:
            if isinstance(layer, nn.BatchNorm2d):
                layer.register_forward_hook(assert_channels_last)
        network(torch.randn(2, *shape))
        # The only layout that safetensors saves.
        assert all(values.is_contiguous() for values in network.state_dict().values())


def assert_channels_last(_layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
    assert output.is_contiguous(memory_format=torch.channels_last)
