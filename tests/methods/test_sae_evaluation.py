"""Which predictors of SAE are active, how they are weighted, and what is exported."""

import math
from typing import Any

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem

from methods.backbones.fc import FCSettings
from methods.core.backbone import ImageShape
from methods.core.multi_input import MultiInput
from methods.core.network import Exit, Network, Problem
from methods.sae import SAE, SAESettings


def make_sae(problem: Problem, logits_ND: list[list[float]], **settings: Any) -> SAE:
    method = SAE(problem, SAESettings(n_inputs=len(logits_ND), **settings), seed=5)
    with torch.no_grad():
        method.depth_logits_ND.copy_(torch.tensor(logits_ND))
    return method


def test_active_exits_and_their_weights_by_hand() -> None:
    # T = 1/2. Input 0 keeps exits 2 and 3: softmax(6, 4). Input 1: all equal, the two shallowest.
    logits_ND = [[1.0, 3.0, 2.0], [0.7, 0.7, 0.7]]
    method = make_sae(make_problem(), logits_ND, n_exits=2, temperature_end=0.5)
    predictors, weights_M = method.active()
    assert predictors == [Exit(1, 1), Exit(2, 0), Exit(2, 1), Exit(3, 0)]
    share = math.exp(6) / (math.exp(6) + math.exp(4))
    assert weights_M.tolist() == pytest.approx([0.25, share / 2, 0.25, (1 - share) / 2])
    assert torch.equal(method.weights(), weights_M)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_ties_go_to_the_shallower_exit(k: int) -> None:
    method = make_sae(make_problem(depth=4), [[0.0] * 4], n_exits=k)
    predictors, weights_M = method.active()
    assert [depth for depth, _ in predictors] == list(range(1, k + 1))
    assert weights_M.tolist() == pytest.approx([1 / k] * k)


def test_ties_below_the_best_exit_go_to_the_shallower() -> None:
    method = make_sae(make_problem(depth=4), [[0.2, 0.2, 0.2, 0.9]], n_exits=2)
    assert method.active()[0] == [Exit(1, 0), Exit(4, 0)]


@pytest.mark.parametrize("negligible", ["kept", "dropped"])
def test_negligible_exits_are_kept_or_dropped(negligible: str) -> None:
    # theta* = (0.9995, 0.0005, -) and (0.998, -, 0.002): only the first input's second is < 0.001.
    theta_ND = [[0.9995, 0.0005, 1e-9], [0.998, 1e-9, 0.002]]
    logits_ND = [[0.4 * math.log(theta) for theta in theta_D] for theta_D in theta_ND]
    method = make_sae(
        make_problem(), logits_ND, n_exits=2, temperature_end=0.4, negligible_exits=negligible
    )
    predictors, weights_M = method.active()
    if negligible == "kept":
        assert predictors == [Exit(1, 0), Exit(1, 1), Exit(2, 0), Exit(3, 1)]
        expected = [0.9995 / 2, 0.998 / 2, 0.0005 / 2, 0.002 / 2]
    else:
        assert predictors == [Exit(1, 0), Exit(1, 1), Exit(3, 1)]
        expected = [0.5, 0.998 / 2, 0.002 / 2]
    assert weights_M.tolist() == pytest.approx(expected, rel=1e-4)


def test_evaluation_uses_the_final_temperature() -> None:
    logits_ND = [[0.0, math.log(3.0), -9.0]]
    for temperature, odds in [(1.0, 3.0), (0.5, 9.0)]:
        method = make_sae(
            make_problem(), logits_ND, temperature_start=0.8, temperature_end=temperature
        )
        assert method.weights().tolist() == pytest.approx([1 / (1 + odds), odds / (1 + odds)])


def trained(problem: Problem, **settings: Any) -> SAE:
    """Random depth logits, and BatchNorm averages away from their start."""
    method = SAE(problem, SAESettings(**settings), seed=5)
    torch.manual_seed(sum(value for value in settings.values() if isinstance(value, int)))
    with torch.no_grad():
        method.depth_logits_ND.normal_()
        for scale in (1.0, 3.0):
            x_BQHW, y_B = batch(problem, 16)
            method.loss(scale * x_BQHW + 1, y_B, 0.5)
    return method.eval()


POINTS = {
    "SE": (1, 1),
    "EE": (1, 2),
    "EE, all exits": (1, 4),
    "MIMO": (3, 1),
    "MIMMO": (2, 4),
    "I/B": (3, 2),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_deployed_predicts_as_the_full_model(point: str, task: str) -> None:
    n_inputs, k = POINTS[point]
    problem = make_problem(task, depth=4, shape=ImageShape(2, 2, 2))
    method = trained(problem, n_inputs=n_inputs, n_exits=k)
    x_BQHW, _ = batch(problem, 7, seed=9)
    outputs_BMC, pruned, deployed = method(x_BQHW), method.pruned(), method.deployed()
    assert isinstance(pruned, MultiInput)
    assert outputs_BMC.shape == (7, n_inputs * k, problem.likelihood.n_outputs)
    torch.testing.assert_close(pruned(x_BQHW), outputs_BMC)
    torch.testing.assert_close(deployed(x_BQHW), outputs_BMC, rtol=1e-5, atol=1e-6)
    assert torch.equal(deployed.weights(), method.weights())
    assert method.weights().sum().item() == pytest.approx(1.0)
    predictors, _ = method.active()
    assert isinstance(pruned.network, Network)
    assert pruned.network.predictors == predictors
    assert len(pruned.network.backbone.stages) == max(depth for depth, _ in predictors)
    assert {int(depth) for depth in pruned.network.heads} == {depth for depth, _ in predictors}


@pytest.mark.parametrize("point", POINTS)
def test_members_are_the_active_exits_of_the_repeated_image(point: str) -> None:
    n_inputs, k = POINTS[point]
    problem = make_problem(depth=4, shape=ImageShape(2, 2, 2))
    method = trained(problem, n_inputs=n_inputs, n_exits=k)
    x_BQHW, _ = batch(problem, 7, seed=9)
    all_BMC = method.network(torch.cat([x_BQHW] * n_inputs, dim=1))
    predictors, weights_M = method.active()
    outputs_BMC = method(x_BQHW)
    for m, (depth, n) in enumerate(predictors):
        assert torch.equal(outputs_BMC[:, m], all_BMC[:, (depth - 1) * n_inputs + n])
        logits_D = method.depth_logits_ND[n] / method.settings.temperature_end
        kept_K = logits_D.topk(k).values
        share = (logits_D[depth - 1] - kept_K.logsumexp(0)).exp() / n_inputs
        torch.testing.assert_close(weights_M[m], share.detach())


def test_k_1_on_the_last_exit_is_a_plain_mimo_network() -> None:
    problem = make_problem(depth=3)
    method = make_sae(problem, [[0.0, 0.0, 1.0]] * 2, n_exits=1).eval()
    mimo = Network(problem, n_inputs=2, exits=[3]).eval()
    mimo.load_state_dict({name: method.network.state_dict()[name] for name in mimo.state_dict()})
    x_BQHW, _ = batch(problem, 7)
    expected_BMC = mimo(torch.cat((x_BQHW, x_BQHW), dim=1))
    torch.testing.assert_close(method(x_BQHW), expected_BMC)
    pruned = method.pruned()
    torch.testing.assert_close(pruned(x_BQHW), expected_BMC)
    assert method.weights().tolist() == [0.5, 0.5]
    shapes = [tuple(values.shape) for values in pruned.parameters()]
    assert shapes == [tuple(values.shape) for values in mimo.parameters()]


@pytest.mark.parametrize(
    ("n_inputs", "k", "depth", "category"),
    [
        (1, 1, 1, "SE NN"),
        (1, 1, 4, "SE NN"),
        (1, 2, 4, "EE"),
        (1, 4, 4, "EE"),
        (2, 1, 1, "MIMO"),  # MIMO and MIMMO coincide
        (3, 1, 4, "MIMO"),
        (2, 4, 4, "MIMMO"),
        (2, 2, 2, "MIMMO"),
        (2, 2, 4, "I/B"),
        (4, 3, 4, "I/B"),
    ],
)
def test_categories(n_inputs: int, k: int, depth: int, category: str) -> None:
    settings = SAESettings(n_inputs=n_inputs, n_exits=k)
    assert SAE.category(settings, FCSettings(depth=depth)) == category


def test_more_exits_than_stages_is_an_error_that_names_both() -> None:
    with pytest.raises(ValueError, match=r"sae\.n_exits=4: K must be <= D.*D=3") as caught:
        SAE(make_problem(depth=3), SAESettings(n_exits=4), seed=0)
    with pytest.raises(ValueError, match="n_exits=4") as checked:
        SAE.check(SAESettings(n_exits=4), FCSettings(depth=3))
    assert str(caught.value) == str(checked.value)
    SAE.check(SAESettings(n_exits=3), FCSettings(depth=3))


def test_diagnostics_show_the_distribution_and_the_schedules() -> None:
    method = make_sae(
        make_problem(),
        [[0.0, 0.0, 0.0], [0.6 * math.log(2.0), 0.0, 0.6 * math.log(5.0)]],
        alpha_start=1.0,
        alpha_end=0.2,
        temperature_start=1.0,
        temperature_end=0.2,
        repetition_start=0.1,
        repetition_end=0.3,
    )
    shown = method.diagnostics(0.5)
    assert set(shown) == {"theta", "depth_logits", "alpha", "temperature", "repetition"}
    assert shown["theta"][0] == pytest.approx([1 / 3] * 3)
    assert shown["theta"][1] == pytest.approx([2 / 8, 1 / 8, 5 / 8])
    assert shown["depth_logits"][1] == pytest.approx([0.6 * math.log(2), 0, 0.6 * math.log(5)])
    schedules = [shown[name] for name in ("alpha", "temperature", "repetition")]
    assert schedules == pytest.approx([0.6, 0.6, 0.2])
