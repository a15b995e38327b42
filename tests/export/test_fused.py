"""Less work, the same predictions: every method on every backbone."""

import pytest
import torch
from torch import Tensor, nn

from export.conftest import SHAPE, a_method
from methods import method_names
from methods.backbones import backbone_names
from methods.core.backbone import ChannelsLast
from methods.core.fused import fold_norms, sum_inputs
from methods.core.merged import MergedNetwork, mergeable
from methods.core.method import Predictor
from methods.core.network import Exit, Network


def outputs(predictor: Predictor, n_rows: int = 5) -> Tensor:
    torch.manual_seed(1)
    x_BQHW = torch.randn(n_rows, *SHAPE)
    torch.manual_seed(2)  # of the masks
    with torch.no_grad():
        outputs_BMC: Tensor = predictor(x_BQHW)
    return outputs_BMC


every_backbone = pytest.mark.parametrize("backbone", backbone_names())


@every_backbone
@pytest.mark.parametrize("name", method_names())
def test_the_deployed_network_predicts_as_the_full_one(name: str, backbone: str) -> None:
    method = a_method(name, backbone, "regression" if backbone == "fc" else "classification")
    deployed = method.deployed()
    torch.testing.assert_close(outputs(deployed), outputs(method), rtol=1e-4, atol=2e-5)
    assert torch.equal(deployed.weights(), method.weights())
    left = [m for m in deployed.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert left == []


@every_backbone
def test_the_stem_of_a_deployed_sae_takes_one_image(backbone: str) -> None:
    one, three = (a_method("sae", backbone, n_inputs=n).deployed() for n in (1, 3))
    shapes = [
        next(m.weight.shape for m in predictor.modules() if isinstance(m, nn.Linear | nn.Conv2d))
        for predictor in (one, three)
    ]
    assert shapes[0] == shapes[1]


@every_backbone
@pytest.mark.parametrize(
    ("keep", "merges"),
    [
        ([Exit(1, 0), Exit(2, 0)], True),
        ([Exit(1, 0), Exit(1, 1), Exit(2, 0), Exit(2, 1)], True),
        # Not as many outputs at each exit: padding would cost.
        ([Exit(1, 1), Exit(2, 0), Exit(2, 1)], False),
        ([Exit(2, 0), Exit(2, 1)], False),
    ],
    ids=str,
)
def test_heads_in_one_product_predict_the_same(
    backbone: str, keep: list[Exit], merges: bool
) -> None:
    sae = a_method("sae", backbone, n_inputs=2)
    assert isinstance(sae.network, Network)
    network = sae.network.pruned(keep)
    assert mergeable(network) is merges
    if not merges:
        return
    torch.manual_seed(1)
    x_BQHW = torch.randn(5, 2 * SHAPE.channels, SHAPE.height, SHAPE.width)
    expected_BMC = network(x_BQHW)
    assert expected_BMC.shape == (5, len(keep), 3)
    torch.testing.assert_close(MergedNetwork(network)(x_BQHW), expected_BMC, rtol=1e-6, atol=1e-6)


def test_summed_slices_are_the_sum() -> None:
    layer = nn.Linear(6, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2, 3, 10, 20, 30]]))
    stem = nn.Sequential(nn.Flatten(), layer)
    sum_inputs(stem, 2)
    assert layer.weight.tolist() == [[11.0, 22.0, 33.0]]
    assert layer.in_features == 3


def test_a_norm_is_folded_over_a_change_of_layout() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    norm(torch.randn(8, 4, 3, 3) * 3 + 1)
    network = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), ChannelsLast(), norm).eval()
    x = torch.randn(2, 2, 5, 5)
    expected = network(x)
    fold_norms(network)
    assert [type(layer) for layer in network] == [nn.Conv2d, ChannelsLast]
    torch.testing.assert_close(network(x), expected)


@pytest.mark.parametrize("name", ["standard", "batch_ensemble"])
@pytest.mark.parametrize("backbone", ["fc", "vgg"])
def test_the_floor_of_a_variance_is_folded_too(name: str, backbone: str) -> None:
    method = a_method(name, backbone, "classification")
    norms = [m for m in method.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        norm.eps = 2.0  # as large as the variance of what a dead channel leaves is small
    torch.testing.assert_close(outputs(method.deployed()), outputs(method), rtol=1e-4, atol=2e-5)


def test_a_norm_after_something_that_is_not_linear_stays() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3)).eval()
    fold_norms(network)
    assert len(network) == 3
