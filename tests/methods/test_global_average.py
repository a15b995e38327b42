"""The mean over pixels, and the layout of its gradient."""

import torch
from torch import nn

from methods.core.exits import GlobalAverage


def test_it_is_adaptive_average_pooling_with_the_gradient_in_the_maps_layout() -> None:
    generator = torch.Generator().manual_seed(0)
    map_BFHW = torch.randn(3, 5, 4, 6, generator=generator)
    map_BFHW = map_BFHW.contiguous(memory_format=torch.channels_last).requires_grad_()
    found_BF, slope_BF = GlobalAverage()(map_BFHW), torch.randn(3, 5, generator=generator)
    (gradient,) = torch.autograd.grad(found_BF, map_BFHW, slope_BF)
    expected_BF = nn.functional.adaptive_avg_pool2d(map_BFHW, 1).flatten(1)
    torch.testing.assert_close(found_BF, expected_BF)
    (expected,) = torch.autograd.grad(expected_BF, map_BFHW, slope_BF)
    torch.testing.assert_close(gradient, expected)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
