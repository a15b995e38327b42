"""ResNet against torchvision's; its cost: test_method_costs.py."""

import pytest
import torch
from settled import settle
from torch import Tensor, nn

from backbones.conftest import copy_in_order, n_parameters, stage_features
from methods.backbones.resnet import BasicBlock, ResNetSettings
from methods.core.backbone import ImageShape

RESNET_18 = ResNetSettings(width=64, depth=4, blocks=2)


def torchvision_resnet_18(*, keeps_pixels: bool) -> nn.Module:
    """As published, or as it is usually adapted to CIFAR; without the last linear layer."""
    import torchvision  # type: ignore[import-untyped]

    model: nn.Module = torchvision.models.resnet18()
    if keeps_pixels:
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        model.maxpool = nn.Identity()
    model.fc = nn.Identity()
    return model


def torchvision_stages(model: nn.Module, x: Tensor) -> list[Tensor]:
    layers = dict(model.named_children())
    for name in ("conv1", "bn1", "relu", "maxpool"):
        x = layers[name](x)
    return [x := layers[f"layer{stage}"](x) for stage in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("shape", "keeps_pixels"),
    [
        (ImageShape(3, 96, 72), False),
        (ImageShape(3, 65, 20), False),
        (ImageShape(3, 64, 33), True),
        (ImageShape(3, 12, 20), True),
    ],
)
def test_width_64_depth_4_and_2_blocks_are_resnet_18(shape: ImageShape, keeps_pixels: bool) -> None:
    torch.manual_seed(0)
    theirs, ours = torchvision_resnet_18(keeps_pixels=keeps_pixels), RESNET_18.build(shape, 1)
    settle(theirs)
    copy_in_order(theirs, ours)
    ours.eval()
    x_BQHW = torch.randn(1, *shape)
    with torch.no_grad():
        expected = torchvision_stages(theirs, x_BQHW)
        for got, wanted in zip(stage_features(ours, x_BQHW), expected, strict=True):
            # Features grow with the blocks: relative to the largest of them.
            torch.testing.assert_close(
                got, wanted, rtol=1e-4, atol=1e-5 * wanted.abs().max().item()
            )


def test_parameters_of_resnet_18() -> None:
    # 11,689,512 as published, of which the last linear layer to 1,000 classes has 513,000.
    published = 11_689_512 - (512 + 1) * 1000
    with torch.device("meta"):
        large = RESNET_18.build(ImageShape(3, 224, 224), 1)
        small = RESNET_18.build(ImageShape(3, 64, 64), 1)
    assert n_parameters(large) == published
    assert n_parameters(small) == published - (7 * 7 - 3 * 3) * 3 * 64


def test_more_blocks_keep_the_widths() -> None:
    one, three = (ResNetSettings(width=4, depth=2, blocks=n) for n in (1, 3))
    shape = ImageShape(1, 8, 8)
    shallow, deep = one.build(shape, 1), three.build(shape, 1)
    assert deep.features == shallow.features == (4, 8)
    # Two identity blocks more in either stage.
    block = [2 * (9 * width * width + 2 * width) for width in (4, 8)]
    assert n_parameters(deep) - n_parameters(shallow) == 2 * sum(block)


# ---- Shapes


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (4, 9, 70), (1, 28, 28)])
def test_images_of_any_size_fit(shape: tuple[int, int, int]) -> None:
    backbone = ResNetSettings(width=2, depth=6).build(ImageShape(*shape), 2).eval()
    x_BQHW = torch.randn(3, 2 * shape[0], *shape[1:])
    assert stage_features(backbone, x_BQHW)[-1].shape[:2] == (3, 16)


def test_a_block_whose_convolutions_are_silent_is_its_shortcut() -> None:
    torch.manual_seed(0)
    x_BFHW = torch.randn(2, 3, 4, 4)
    for block in (BasicBlock(3, 3, 1), BasicBlock(3, 5, 2)):
        last_norm = block.residual[-1]
        assert isinstance(last_norm, nn.BatchNorm2d)
        nn.init.zeros_(last_norm.weight)
        expected = block.eval().shortcut(x_BFHW).clamp(min=0)
        assert torch.equal(block(x_BFHW), expected)
    assert len(BasicBlock(3, 3, 1).shortcut) == 0
