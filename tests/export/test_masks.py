"""Dropout with given masks is the dropout that drew them."""

import numpy as np
import pytest
import torch

from bench.deploy.export.exported import default_masks, masks_shape
from export.conftest import SHAPE, a_method
from methods.core.dropout import Drawn, Given, rate_of

BACKBONES = ("fc", "vgg", "resnet", "vit")


@pytest.mark.parametrize(
    ("backbone", "maps"), [*((name, "elementwise") for name in BACKBONES), ("vgg", "channelwise")]
)
def test_drawn_masks_given_back_are_the_same_predictions(backbone: str, maps: str) -> None:
    deployed = a_method("mc_dropout", backbone, rate=0.3, n_passes=3, maps=maps).deployed()
    x_BQHW = torch.randn(4, *SHAPE)
    torch.manual_seed(7)
    expected = deployed(x_BQHW)
    after = torch.rand(1)
    torch.manual_seed(7)
    drawn, keep_RT = Drawn(deployed)(x_BQHW)
    assert torch.equal(torch.rand(1), after), "as many numbers were drawn as without recording"
    assert torch.equal(drawn, expected)
    assert keep_RT is not None
    assert keep_RT.shape[0] == 3 * 4
    torch.testing.assert_close(Given(deployed)(x_BQHW, keep_RT), expected, rtol=1e-5, atol=1e-5)
    other = Given(deployed)(x_BQHW, ~keep_RT)
    assert not torch.allclose(other, expected, atol=1e-3)


def test_without_dropout_there_are_no_masks() -> None:
    deployed = a_method("standard", "fc").deployed()
    outputs, keep = Drawn(deployed)(torch.zeros(2, *SHAPE))
    assert keep is None
    assert torch.equal(outputs, deployed(torch.zeros(2, *SHAPE)))
    assert masks_shape(deployed, SHAPE) is None
    assert rate_of(deployed) is None


def test_masks_of_another_width_are_refused() -> None:
    deployed = a_method("mc_dropout", "fc", n_passes=1).deployed()
    n_entries = 3 * 8 * 12 + 16 * 2 + 16  # pixels, two blocks, the head
    assert masks_shape(deployed, SHAPE) == (1, n_entries)
    keep = torch.ones(2, n_entries + 1, dtype=torch.bool)
    with pytest.raises(ValueError, match=f"{n_entries + 1} entries a row: must be {n_entries}"):
        Given(deployed)(torch.zeros(2, *SHAPE), keep)


def test_looking_at_the_masks_leaves_the_random_stream() -> None:
    deployed = a_method("mc_dropout", "fc").deployed()
    state = torch.get_rng_state()
    masks_shape(deployed, SHAPE)
    assert torch.equal(torch.get_rng_state(), state)


def test_default_masks_are_the_documented_stream() -> None:
    keep = default_masks(2, 3, 0.25, seed=5)
    words = np.random.Philox(key=5).random_raw(6)
    assert keep.tolist() == [
        [[int(w) >= 2**62 for w in words[:3]], [int(w) >= 2**62 for w in words[3:]]]
    ]
    share = default_masks(4, 25_000, 0.25).mean()
    assert abs(share - 0.75) < 5 * (0.25 * 0.75 / 100_000) ** 0.5


def test_philox_is_the_published_generator() -> None:
    """The first words of key 0: NumPy's counter is 1 after its first step; Random123's test
    vectors have counters and keys of zeros and of ones, so the block of counter 2^256 - 1 is used.
    """
    ones = 2**256 - 1
    stream = np.random.Philox(key=2**128 - 1, counter=ones - 1)
    expected = [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]
    assert [int(word) for word in stream.random_raw(4)] == expected
