import torch
from torch import nn

from methods.backbones.fc import FCSettings, ResidualBlock
from methods.core.backbone import ImageShape


def test_a_block_adds_what_it_computes_to_what_it_gets() -> None:
    block = ResidualBlock(3).eval()
    linear, norm, _ = block.block
    assert isinstance(linear, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
        linear.bias.copy_(torch.tensor([0.0, -3.0, 1.0]))
        norm.running_mean = torch.tensor([0.0, 0.0, 1.0])
        norm.running_var = torch.tensor([1.0, 1.0, 4.0]) - norm.eps
    # Linear: (2, -2, 7); normalised: (2, -2, 3); rectified: (2, 0, 3); added to the input.
    outputs = block(torch.tensor([[1.0, 2.0, 3.0]]))
    torch.testing.assert_close(outputs, torch.tensor([[3.0, 2.0, 6.0]]))


def test_stem_reads_all_pixels_of_all_inputs() -> None:
    backbone = FCSettings(width=5, depth=2).build(ImageShape(3, 2, 4), 2)
    assert backbone.layout == "vector"
    assert backbone.features == (5, 5)
    x_BQHW = torch.randn(7, 2 * 3, 2, 4)
    linear = backbone.stem[1]  # type: ignore[index]
    expected_BF = (x_BQHW.reshape(7, -1) @ linear.weight.T + linear.bias).relu()
    torch.testing.assert_close(backbone.stem(x_BQHW), expected_BF)
