from typing import Any

import pytest
import torch

from bench.training.augment import augment, crop_and_flip


def pixels(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_by_hand() -> None:
    row = torch.tensor([10, 20, 30, 40], dtype=torch.uint8)
    images_BQHW = row.expand(4, 1, 1, 4)
    zero_B = torch.zeros(4, dtype=torch.int64)
    right_B = torch.tensor([0, 1, -2, 1])
    flip_B = torch.tensor([True, False, False, True])
    # 1 to the right: 20 30 40 and the reflection 30; 2 to the left: 30 20, then 10 20.
    expected = [[40, 30, 20, 10], [20, 30, 40, 30], [30, 20, 10, 20], [30, 40, 30, 20]]
    assert crop_and_flip(images_BQHW, zero_B, right_B, flip_B).view(4, 4).tolist() == expected
    tall_BQHW = images_BQHW.transpose(2, 3)
    moved = crop_and_flip(tall_BQHW, right_B, zero_B, flip_B).view(4, 4).tolist()
    expected = [[10, 20, 30, 40], [20, 30, 40, 30], [30, 20, 10, 20], [20, 30, 40, 30]]
    assert moved == expected  # a flip is left to right, never upside down


def test_each_image_as_torchvision_pads_crops_and_flips_it() -> None:
    # Here, and not for every process of the tests: it imports the whole compiler of torch.
    from torchvision.transforms.v2 import functional as oracle  # type: ignore[import-untyped]

    images_BQHW = pixels(20, 3, 16, 24)
    down_B, right_B = torch.randint(-2, 3, (20,)), torch.randint(-3, 4, (20,))
    flip_B = torch.arange(20) % 2 == 0
    found = crop_and_flip(images_BQHW, down_B, right_B, flip_B)
    assert found.dtype == torch.uint8
    for image, down, right, flip, result in zip(
        images_BQHW, down_B.tolist(), right_B.tolist(), flip_B, found, strict=True
    ):
        padded = oracle.pad(image, [3, 2], padding_mode="reflect")
        expected = oracle.crop(padded, 2 + down, 3 + right, 16, 24)
        expected = oracle.horizontal_flip(expected) if flip else expected
        assert torch.equal(result, expected)


def test_every_offset_up_to_an_eighth_is_drawn_for_each_image_apart() -> None:
    # The pixel at (y, x) is y in channel 0 and x in channel 1; 20 and 43 = 63 - 20 mirror.
    ramp = torch.arange(64, dtype=torch.uint8)
    image = torch.stack([ramp[:, None].expand(64, 64), ramp.expand(64, 64)])
    torch.manual_seed(0)
    found = augment(image.expand(3000, 2, 64, 64), "crop_flip").int()
    flipped = found[:, 1, 20, 21] < found[:, 1, 20, 20]
    down = found[:, 0, 20, 20] - 20
    right = torch.where(flipped, found[:, 1, 20, 43], found[:, 1, 20, 20]) - 20
    for offset in (down, right):
        # 3000 draws of 17 values: 176.5 each, deviation 12.9; 5 deviations.
        counts = torch.bincount(offset + 8, minlength=17)
        assert len(counts) == 17
        assert (counts - 3000 / 17).abs().max() < 65
    assert abs(int(flipped.sum()) - 1500) < 137  # 5 deviations of 27.4
    # Drawn apart: of 3000 images about 3000 / 17 move the same way in both directions.
    assert (down == right).float().mean() < 0.15
    assert abs(float(right[flipped].float().mean())) < 0.7


def test_flip_moves_nothing() -> None:
    images_BQHW = pixels(64, 1, 5, 7)
    torch.manual_seed(1)
    found = augment(images_BQHW, "flip")
    same = (found == images_BQHW).flatten(1).all(1)
    mirrored = (found == images_BQHW.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 10 < int(same.sum()) < 54


def test_none_is_none_and_draws_nothing() -> None:
    images_BQHW = pixels(2, 1, 3, 3)
    before = torch.get_rng_state()
    assert augment(images_BQHW, "none") is images_BQHW
    assert torch.equal(torch.get_rng_state(), before)


def test_ambient_and_given_generators() -> None:
    images_BQHW = pixels(32, 3, 16, 16)
    torch.manual_seed(5)
    first = augment(images_BQHW, "crop_flip")
    assert not torch.equal(augment(images_BQHW, "crop_flip"), first)
    torch.manual_seed(5)
    assert torch.equal(augment(images_BQHW, "crop_flip"), first)
    generator = torch.Generator().manual_seed(5)
    before = torch.get_rng_state()
    assert torch.equal(augment(images_BQHW, "crop_flip", generator=generator), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_memory_layout_does_not_matter() -> None:
    images_BQHW = pixels(8, 3, 16, 16)
    last = images_BQHW.contiguous(memory_format=torch.channels_last)
    torch.manual_seed(5)
    first = augment(images_BQHW, "crop_flip")
    torch.manual_seed(5)
    assert torch.equal(augment(last, "crop_flip"), first)


def test_unknown_kind() -> None:
    kind: Any = "rotate"
    with pytest.raises(ValueError, match="no augmentation 'rotate'; choices: none, flip, crop_fl"):
        augment(pixels(1, 1, 2, 2), kind)
