"""Less work, the same predictions: of every method on every backbone."""

import copy

import pytest
import torch
from torch import Tensor, nn

from export.conftest import SHAPE, a_method
from methods.core.backbone import ChannelsLast
from methods.core.lean import fold_norms, sum_inputs
from methods.core.merged import MergedNetwork
from methods.core.method import Predictor
from methods.core.network import Exit, Network

METHODS = ("standard", "ensemble", "mc_dropout", "batch_ensemble", "sae")
BACKBONES = ("fc", "vgg", "resnet", "vit")


def outputs(predictor: Predictor, n_rows: int = 5) -> Tensor:
    torch.manual_seed(1)
    x_BQHW = torch.randn(n_rows, *SHAPE)
    torch.manual_seed(2)  # of the masks
    with torch.no_grad():
        outputs_BMC: Tensor = predictor(x_BQHW)
    return outputs_BMC


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", METHODS)
def test_lean_predicts_as_deployed(name: str, backbone: str) -> None:
    deployed = a_method(name, backbone).deployed()
    before = copy.deepcopy(deployed.state_dict())
    lean = deployed.lean()
    torch.testing.assert_close(outputs(lean), outputs(deployed), rtol=1e-4, atol=2e-5)
    assert torch.equal(lean.weights(), deployed.weights())
    assert all(torch.equal(before[key], values) for key, values in deployed.state_dict().items())


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("name", METHODS)
def test_no_batch_norm_is_left(name: str, backbone: str) -> None:
    lean = a_method(name, backbone).deployed().lean()
    left = [m for m in lean.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert left == []


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_stem_of_a_lean_sae_takes_one_image(backbone: str) -> None:
    one = a_method("sae", backbone, n_inputs=1).deployed().lean()
    three = a_method("sae", backbone, n_inputs=3).deployed().lean()
    shapes = [
        next(m.weight.shape for m in predictor.modules() if isinstance(m, nn.Linear | nn.Conv2d))
        for predictor in (one, three)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(
    "keep",
    [
        [Exit(1, 0), Exit(2, 0)],
        [Exit(1, 0), Exit(1, 1), Exit(2, 0), Exit(2, 1)],
        [Exit(1, 1), Exit(2, 0), Exit(2, 1)],  # not as many of each exit
        [Exit(1, 0), Exit(1, 1), Exit(2, 1)],
    ],
    ids=str,
)
def test_heads_in_one_product_predict_the_same(backbone: str, keep: list[Exit]) -> None:
    sae = a_method("sae", backbone, n_inputs=2)
    assert isinstance(sae.network, Network)
    network = sae.network.pruned(keep)
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


def test_a_norm_after_something_that_is_not_linear_stays() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3)).eval()
    fold_norms(network)
    assert len(network) == 3
