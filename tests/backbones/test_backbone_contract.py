"""Every backbone under every method: the methods' contract, and identities."""

from typing import Any

import pytest
import torch
from method_contract import CHECKS, batch, seeded_loss, takes_a_step
from settled import settle
from torch import Tensor, nn

from backbones.conftest import MakeProblem, n_parameters
from methods import load_method, method_names
from methods.backbones import backbone_names
from methods.batch_ensemble import BatchEnsemble, BatchEnsembleSettings, RankOne
from methods.core.backbone import ImageShape
from methods.core.method import Method
from methods.core.network import Exit, Network, Problem
from methods.ensemble import Ensemble, EnsembleSettings, member_seed
from methods.mc_dropout import MCDropout, MCDropoutSettings
from methods.sae import SAE, SAESettings
from methods.standard import Standard, StandardSettings

every_backbone = pytest.mark.parametrize("backbone", backbone_names())
# Heads and backbones know nothing of the task; regression has another number of outputs.
every_cell = pytest.mark.parametrize(
    ("backbone", "task"),
    [*((name, "classification") for name in backbone_names()), ("fc", "regression"),
     ("vit", "regression")],
)  # fmt: skip


@pytest.mark.parametrize("clause", CHECKS)
@every_cell
def test_every_method_keeps_the_contract(
    backbone: str, task: str, clause: str, make_problem: MakeProblem
) -> None:
    # Three stages: by default an SAE uses two exits per input, so that deployment cuts something.
    problem = make_problem(backbone, task, depth=3)
    for name in method_names():
        try:
            CHECKS[clause](load_method(name), problem)
        except Exception as error:
            error.add_note(f"{name} on {backbone}, {task}: {clause}")
            raise


# ---- Cost (what each method costs: test_method_costs.py)


@every_backbone
def test_stem_and_heads_alone_grow_with_the_inputs(
    backbone: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone)
    one, three = (Network(problem, n_inputs=n, exits=[1, 2]) for n in (1, 3))
    first = next(layer for layer in one.modules() if isinstance(layer, nn.Linear | nn.Conv2d))
    assert n_parameters(three.backbone.stages) == n_parameters(one.backbone.stages)
    stems = n_parameters(three.backbone.stem), n_parameters(one.backbone.stem)
    assert stems[0] - stems[1] == 2 * first.weight.numel()
    # Two inputs more, each with 3 outputs at both exits.
    rows = 2 * 2 * 3 * (one.backbone.features[-1] + 1)
    assert n_parameters(three.heads) - n_parameters(one.heads) == rows


# ---- Identities


def standard(problem: Problem, seed: int = 5) -> Standard[Any]:
    return Standard(problem, StandardSettings(), seed=seed)


def same_training_and_prediction(
    ours: Method[Any], expected: Standard[Any], problem: Problem
) -> None:
    x_BQHW, y_B = batch(problem, 9)
    torch.testing.assert_close(seeded_loss(ours, x_BQHW, y_B), seeded_loss(expected, x_BQHW, y_B))
    # The loss moved the BatchNorm averages of both.
    assert ours.training
    outputs_BMC = ours.eval()(x_BQHW)
    torch.testing.assert_close(outputs_BMC, expected.eval()(x_BQHW).expand_as(outputs_BMC))


@every_cell
def test_dropout_of_rate_0_is_the_standard_nn(
    backbone: str, task: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone, task)
    dropout = MCDropout(problem, MCDropoutSettings(rate=0.0, n_passes=3), seed=5)
    alone, data = standard(problem), batch(problem, 9)
    gradients = [
        torch.autograd.grad(seeded_loss(method, *data), list(method.parameters()))
        for method in (dropout, alone)
    ]
    torch.testing.assert_close(*gradients)
    same_training_and_prediction(dropout, alone, problem)
    assert dropout.weights().tolist() == pytest.approx([1 / 3] * 3)


def neutral(problem: Problem, **settings: Any) -> BatchEnsemble:
    """Factors of 1, and the biases of the standard NN."""
    method = BatchEnsemble(problem, BatchEnsembleSettings(bias_init="default", **settings), seed=5)
    for layer in method.modules():
        if isinstance(layer, RankOne):
            nn.init.ones_(layer.r_MI)
            nn.init.ones_(layer.s_MO)
    return method


@every_cell
def test_one_member_with_neutral_factors_is_the_standard_nn(
    backbone: str, task: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone, task)
    same_training_and_prediction(neutral(problem, n_members=1), standard(problem), problem)


@every_cell
def test_each_member_with_neutral_factors_is_the_standard_nn(
    backbone: str, task: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone, task)
    three, expected = neutral(problem, n_members=3), standard(problem)
    x_BQHW, y_B = batch(problem, 9)
    # Tiled: the same rows thrice, so the same mean over rows and the same batch statistics.
    torch.testing.assert_close(seeded_loss(three, x_BQHW, y_B), seeded_loss(expected, x_BQHW, y_B))
    # An unbiased variance of 27 rows is not that of 9: the same averages for both.
    expected.load_state_dict(
        {**expected.state_dict(), **{k: v for k, v in three.state_dict().items() if "running" in k}}
    )
    outputs_BMC = three.eval()(x_BQHW)
    torch.testing.assert_close(outputs_BMC, expected.eval()(x_BQHW).expand_as(outputs_BMC))


@pytest.mark.parametrize(
    ("n_members", "n_rows", "seen"),
    [(4, 2, [0, 1, 0, 1]), (2, 3, [0, 1, 2, 0]), (4, 7, [0, 1, 2, 3, 4, 5, 6, 0])],
)
@every_cell
def test_a_short_split_batch_trains_on_its_rows_wrapped_around(
    backbone: str,
    task: str,
    n_members: int,
    n_rows: int,
    seen: list[int],
    make_problem: MakeProblem,
) -> None:
    problem = make_problem(backbone, task)
    settings: dict[str, Any] = {"n_members": n_members, "batch": "split"}
    x_BQHW, y_B = batch(problem, n_rows)
    torch.testing.assert_close(
        seeded_loss(neutral(problem, **settings), x_BQHW, y_B),
        seeded_loss(standard(problem), x_BQHW[seen], y_B[seen]),
    )
    takes_a_step(BatchEnsemble(problem, BatchEnsembleSettings(**settings), seed=5), problem, n_rows)


@every_backbone
def test_methods_reach_every_layer_with_a_weight_matrix(
    backbone: str, make_problem: MakeProblem
) -> None:
    # A weight that is no linear layer's or convolution's would stay without dropout and factors.
    # Position embeddings are added, not multiplied by.
    network = standard(make_problem(backbone)).network
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    reached = {id(layer.weight) for layer in layers}
    others = [
        name
        for name, values in network.named_parameters()
        if values.ndim > 1 and id(values) not in reached and not name.endswith("position_LF")
    ]
    assert others == []
    called: list[nn.Module] = []
    for layer in layers:
        layer.register_forward_hook(lambda module, _inputs, _output: called.append(module))
    network(torch.zeros(2, *make_problem(backbone).shape))
    assert len(called) == len(set(called)) == len(layers)
    assert called[0] is layers[0], "the first layer defined is the input layer"


@every_cell
def test_members_of_the_joint_ensemble_are_standard_networks(
    backbone: str, task: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone, task)
    ensemble = Ensemble(problem, EnsembleSettings(n_members=2), seed=5)
    alone = [standard(problem, member_seed(5, m)) for m in (0, 1)]
    x_BQHW, y_B = batch(problem, 9)
    losses = [seeded_loss(member, x_BQHW, y_B) for member in alone]
    torch.testing.assert_close(seeded_loss(ensemble, x_BQHW, y_B), sum(losses, torch.zeros(())))
    assert ensemble.weights().tolist() == [0.5, 0.5]
    outputs_BMC = ensemble.eval()(x_BQHW)
    assert not torch.allclose(outputs_BMC[:, 0], outputs_BMC[:, 1])
    for m, member in enumerate(alone):
        assert torch.equal(outputs_BMC[:, m], member.eval()(x_BQHW)[:, 0])


@every_cell
def test_an_sae_of_one_input_and_one_exit_is_the_standard_nn(
    backbone: str, task: str, make_problem: MakeProblem
) -> None:
    problem = make_problem(backbone, task, depth=1)
    one = SAE(problem, SAESettings(n_inputs=1, n_exits=1), seed=5)
    same_training_and_prediction(one, standard(problem), problem)


@pytest.mark.parametrize(
    ("logits_ND", "n_exits", "keep"),
    [
        ([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], 1, [Exit(2, 0), Exit(2, 1)]),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1, [Exit(1, 0), Exit(2, 1)]),
        ([[1.0, 0.0, 2.0], [2.0, 1.0, 0.0]], 2, [Exit(1, 0), Exit(1, 1), Exit(2, 1), Exit(3, 0)]),
    ],
)
@every_cell
def test_pruned_sae_predicts_as_the_full_one(
    backbone: str,
    task: str,
    logits_ND: list[list[float]],
    n_exits: int,
    keep: list[Exit],
    make_problem: MakeProblem,
) -> None:
    problem = make_problem(backbone, task, depth=3)
    method = SAE(problem, SAESettings(n_inputs=2, n_exits=n_exits), seed=5)
    with torch.no_grad():
        method.depth_logits_ND.copy_(torch.tensor(logits_ND))
    settle(method)
    pruned = method.pruned()
    network = pruned.network
    assert isinstance(network, Network)
    assert network.predictors == keep
    assert len(network.backbone.stages) == keep[-1].depth
    x_BQHW, _ = batch(problem, 5)
    torch.testing.assert_close(pruned(x_BQHW), method(x_BQHW), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pruned.weights(), method.weights())


# ---- Settings


@every_backbone
def test_check_accepts_what_builds(backbone: str, make_problem: MakeProblem) -> None:
    for shape in (ImageShape(1, 8, 8), ImageShape(3, 28, 28), ImageShape(2, 64, 32)):
        problem = make_problem(backbone, shape=shape, depth=4)
        problem.backbone.check(shape)
        network = Network(problem, n_inputs=2, exits=[1, 2, 3, 4])
        assert network.backbone.features[0] == 16
        assert len(network.backbone.stages) == len(network.backbone.features) == 4
        outputs: Tensor = network.eval()(torch.zeros(1, 2 * shape.channels, *shape[1:]))
        assert outputs.shape == (1, 8, 3)


@every_backbone
def test_predictions_depend_on_every_pixel(backbone: str, make_problem: MakeProblem) -> None:
    problem = make_problem(backbone, depth=1)
    network = Network(problem, exits=[1]).eval().double()
    x_BQHW = torch.randn(1, *problem.shape, dtype=torch.float64, requires_grad=True)
    network(x_BQHW).square().sum().backward()
    assert x_BQHW.grad is not None
    assert (x_BQHW.grad != 0).all()
