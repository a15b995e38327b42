"""Packed-Ensembles against explicit networks, and against torch-uncertainty's numbers."""

import pytest
import torch
from method_contract import batch
from settled import settle
from torch import Tensor, nn

from bench.cost import costs_of
from methods.backbones import backbone_names, load_backbone
from methods.core.backbone import ImageShape
from methods.core.likelihood import Categorical
from methods.core.network import Network, Problem
from methods.packed import GroupedLayerNorm, GroupedLinear, Packed, PackedSettings, packed_width
from methods.standard import Standard, StandardSettings

every_backbone = pytest.mark.parametrize("backbone", backbone_names())


def problem_of(backbone: str, width: int = 32) -> Problem:
    body = load_backbone(backbone).from_dict({"width": width, "depth": 2})
    return Problem(shape=ImageShape(3, 8, 8), likelihood=Categorical(3), backbone=body)


def part(values: Tensor, axis: int, member: int, n_members: int, n_parts: int = 1) -> Tensor:
    """A member's share of an axis that holds ``n_parts`` blocks of all members."""
    first = values.movedim(axis, 0)
    blocks = first.reshape(n_parts, n_members, -1, *first.shape[1:])
    share: Tensor = blocks[:, member].flatten(0, 1).movedim(0, axis)
    return share


def copy_member(packed: nn.Module, member: int, n_members: int, into: nn.Module) -> None:
    """Give a network of the packed width the weights of one member."""
    theirs = dict(packed.named_modules())
    for name, layer in into.named_modules():
        source = theirs[name]
        if isinstance(source, GroupedLinear):
            assert isinstance(layer, nn.Linear)
            layer.weight.data = source.weight_GIO[member].T
            layer.bias.data = source.bias_G1O[member, 0]
        elif isinstance(source, GroupedLayerNorm):
            layer.weight.data = part(source.weight_F.data, 0, member, n_members)
            layer.bias.data = part(source.bias_F.data, 0, member, n_members)
        elif not list(layer.children()):
            for key, values in layer.state_dict().items():
                value = source.state_dict()[key]
                if value.ndim:  # a first layer, a grouped convolution, BatchNorm, positions
                    axis = 1 if key == "position_LF" else 0
                    values.copy_(part(value, axis, member, n_members))


@every_backbone
def test_members_are_explicit_networks_of_the_packed_width(backbone: str) -> None:
    problem = problem_of(backbone)
    method = Packed(problem, PackedSettings(n_members=2, alpha=2), seed=0)
    settle(method)
    x_BQHW = torch.randn(5, *problem.shape)
    outputs_BMC = method(x_BQHW)
    for member in range(2):
        network = Network(problem, exits=[2]).eval()  # alpha / M = 1: the backbone's own width
        copy_member(method.network, member, 2, network)
        torch.testing.assert_close(outputs_BMC[:, [member]], network(x_BQHW), rtol=1e-4, atol=1e-5)


@every_backbone
def test_one_member_of_full_width_is_the_standard_nn(backbone: str) -> None:
    problem = problem_of(backbone)
    packed = Packed(problem, PackedSettings(n_members=1, alpha=1), seed=3)
    standard = Standard(problem, StandardSettings(), seed=3)
    x_BQHW, y_B = torch.randn(6, *problem.shape), torch.arange(6) % 3
    assert torch.equal(packed.loss(x_BQHW, y_B, 0.0), standard.loss(x_BQHW, y_B, 0.0))


@pytest.mark.parametrize("backbone", ["fc", "vgg", "resnet"])
def test_costs_of_the_hidden_layers(backbone: str) -> None:
    """Stages cost alpha^2 / (M gamma) of the standard network's, but what is per feature alpha."""
    problem = problem_of(backbone)

    def stages(method: Packed | Standard[StandardSettings]) -> int:
        parts = costs_of(method.pruned(), problem.shape).exported.flops_by_part
        return sum(flops for name, flops in parts.items() if ".stages." in name)

    standard = stages(Standard(problem, StandardSettings(), seed=0))
    for n_members, alpha, gamma in ((2, 2, 1), (4, 2, 1), (2, 2, 2), (4, 4, 2)):
        settings = PackedSettings(n_members=n_members, alpha=alpha, gamma=gamma)
        found = stages(Packed(problem, settings, seed=0))
        assert found * n_members * gamma == alpha**2 * standard


def test_gamma_cuts_each_member_into_groups() -> None:
    """With gamma = 2 the first block of a member reads either half of its features apart."""
    problem = problem_of("fc", width=8)
    method = Packed(problem, PackedSettings(n_members=2, alpha=1, gamma=2), seed=0).eval()
    (block, *_) = (m for m in method.network.modules() if isinstance(m, GroupedLinear))
    # The outputs of each feature alone, without the bias.
    outputs_II = block(torch.eye(8)) - block(torch.zeros(1, 8))
    expected = torch.kron(torch.eye(4), torch.ones(2, 2))
    assert torch.equal((outputs_II != 0).float(), expected)


def test_widths_are_rounded_up_to_what_groups_share_out() -> None:
    fc = problem_of("fc", width=17)
    assert packed_width(PackedSettings(n_members=2, alpha=2), fc) == 34
    assert packed_width(PackedSettings(n_members=4, alpha=2), fc) == 36
    assert packed_width(PackedSettings(n_members=2, alpha=2, gamma=4), fc) == 40
    vit = problem_of("vit", width=32)
    # A member has whole heads of 16 features.
    assert packed_width(PackedSettings(n_members=4, alpha=1), vit) == 64


def test_a_grouped_linear_layer_agrees_with_torch_uncertainty() -> None:
    """``PackedLinear(3, 4, alpha=2, num_estimators=2)`` of torch-uncertainty 0.13.0.

    Its weights were set to 0, 1, ... and its bias to 0.5, 1.5, ...; its input was 1, ..., 6.
    """
    layer = GroupedLinear(6, 8, 2)
    with torch.no_grad():
        layer.weight_GIO.copy_(torch.arange(24.0).view(2, 4, 3).transpose(1, 2))
        layer.bias_G1O.copy_((torch.arange(8.0) + 0.5).view(2, 1, 4))
    found = layer(torch.arange(1.0, 7.0)[None])
    assert found.tolist() == [[8.5, 27.5, 46.5, 65.5, 201.5, 247.5, 293.5, 339.5]]


def test_training_moves_every_member() -> None:
    problem = problem_of("vit")
    method = Packed(problem, PackedSettings(n_members=2), seed=0)
    x_BQHW, y_B = batch(problem, 8)
    method.loss(x_BQHW, y_B, 0.0).backward()  # type: ignore[no-untyped-call]
    (head,) = (m for m in method.network.heads.modules() if isinstance(m, GroupedLinear))
    assert head.weight_GIO.grad is not None
    assert head.weight_GIO.grad.flatten(1).any(1).all()
