"""Masks of Masksembles: how many, how much they share, and what they make of the network."""

import itertools

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem

from methods.core.member_rows import Scaled
from methods.masksembles import Masksembles, MasksemblesSettings, draw_masks, kept
from methods.standard import Standard, StandardSettings

# Ones per mask of ``generation_wrapper(features, masks, scale)``, the authors' code in
# torch-uncertainty 0.13.0, and the mean overlap of two of its masks over 5 calls.
AUTHORS = [
    (16, 4, 2.0, 8, 3.6),
    (32, 4, 1.5, 21, 13.7),
    (64, 4, 2.0, 34, 16.7),
    (128, 4, 3.0, 53, 17.7),
    (32, 2, 2.0, 21, 10.0),
    (64, 2, 3.0, 38, 12.0),
]


@pytest.mark.parametrize(("n_features", "n_masks", "scale", "ones", "overlap"), AUTHORS)
def test_masks_are_as_large_and_share_as_much_as_the_authors(
    n_features: int, n_masks: int, scale: float, ones: int, overlap: float
) -> None:
    assert kept(n_features, n_masks, scale) == ones
    torch.manual_seed(0)
    shared = []
    for _ in range(20):
        masks_MF = draw_masks(n_features, n_masks, scale)
        assert masks_MF.sum(1).tolist() == [ones] * n_masks
        assert masks_MF.any(0).all()
        shared += [float(a @ b) for a, b in itertools.combinations(masks_MF, 2)]
    assert sum(shared) / len(shared) == pytest.approx(overlap, rel=0.1)


def test_scale_1_is_the_standard_nn() -> None:
    problem = make_problem(width=16)
    masked = Masksembles(problem, MasksemblesSettings(n_members=3, scale=1.0), seed=2).eval()
    standard = Standard(problem, StandardSettings(), seed=2).eval()
    x_BQHW, _ = batch(problem, 5)
    for member_B1C in masked(x_BQHW).split(1, dim=1):
        torch.testing.assert_close(member_B1C, standard(x_BQHW))


def test_a_large_scale_leaves_members_that_share_no_weight_of_a_masked_layer() -> None:
    problem = make_problem(width=16)
    method = Masksembles(problem, MasksemblesSettings(n_members=4, scale=1e6), seed=2)
    masks = [layer.factors_MF for layer in method.modules() if isinstance(layer, Scaled)]
    assert len(masks) == 4  # three stages and the head; the first layer reads all pixels
    for masks_MF in masks:
        assert torch.equal(masks_MF.sum(0), torch.ones(16))  # each feature is of one member
        assert masks_MF.sum(1).tolist() == [4.0] * 4


def test_a_member_is_the_network_with_its_mask_on_the_weights() -> None:
    problem = make_problem(width=16)
    method = Masksembles(problem, MasksemblesSettings(n_members=3, scale=2.0), seed=2).eval()
    x_BQHW, _ = batch(problem, 5)
    outputs_BMC = method(x_BQHW)
    for member in range(3):
        plain = Standard(problem, StandardSettings(), seed=2).eval()
        layers = [m for m in plain.modules() if isinstance(m, torch.nn.Linear)][1:]
        masks = [
            layer.factors_MF[member] for layer in method.modules() if isinstance(layer, Scaled)
        ]
        for layer, mask_F in zip(layers, masks, strict=True):
            layer.weight.data *= mask_F
        torch.testing.assert_close(outputs_BMC[:, [member]], plain(x_BQHW))


def test_masks_come_from_the_seed_and_are_saved() -> None:
    problem, settings = make_problem(width=16), MasksemblesSettings()
    first, same, other = (Masksembles(problem, settings, seed=seed) for seed in (0, 0, 1))
    name = next(key for key in first.state_dict() if key.endswith("factors_MF"))
    assert torch.equal(first.state_dict()[name], same.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
    assert name not in dict(first.named_parameters())
