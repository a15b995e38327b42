"""The training objective of SAE against a literal re-derivation and against its special cases."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from method_contract import batch
from scipy import special, stats
from tiny_problems import make_problem
from torch import Tensor, nn

from methods.core.backbone import ImageShape
from methods.core.depth import kl_from_uniform
from methods.core.depth_meter import optimum
from methods.core.network import Problem
from methods.sae import SAE, SAESettings

Array = npt.NDArray[np.float64]
LOGITS = [[0.4, -0.3, 0.8], [-0.5, 0.1, 0.2]]  # N = 2, D = 3
FLAT: dict[str, Any] = {  # schedules that stand still
    "alpha_start": 0.0,
    "alpha_end": 0.0,
    "temperature_start": 1.0,
    "temperature_end": 1.0,
    "repetition_start": 0.0,
    "repetition_end": 0.0,
}


def make_sae(problem: Problem, logits_ND: list[list[float]], **settings: Any) -> SAE:
    values = {**FLAT, "n_inputs": len(logits_ND), **settings}
    method = SAE(problem, SAESettings(**values), seed=5)
    with torch.no_grad():
        method.depth_logits_ND.copy_(torch.tensor(logits_ND))
    return method


@dataclass
class Step:
    """What went through the network in one call of the loss."""

    loss: float
    sources_BN: npt.NDArray[np.int64]
    outputs_BMC: Array


def step(method: SAE, x_BQHW: Tensor, y_B: Tensor, progress: float = 0.5) -> Step:
    """One loss, and which sample each input carried, read off the network's own input."""
    seen: list[Tensor] = []
    hook = method.network.register_forward_hook(lambda _, given, out: seen.extend((given[0], out)))
    torch.manual_seed(3)
    loss = method.loss(x_BQHW, y_B, progress).item()
    hook.remove()
    stacked, outputs_BMC = seen
    carried = torch.stack(stacked.chunk(method.settings.n_inputs, dim=1), dim=1)
    matches = (carried[:, :, None] == x_BQHW).flatten(3).all(-1)
    assert (matches.sum(-1) == 1).all()
    return Step(loss, matches.int().argmax(-1).numpy(), outputs_BMC.detach().double().numpy())


def literal_nll(task: str, outputs_C: Array, y: float) -> float:
    if task == "classification":
        return float(special.logsumexp(outputs_C) - outputs_C[int(y)])
    log_variance = -2 + 6 * math.tanh(outputs_C[1] / 6)
    return float(-stats.norm.logpdf(y, outputs_C[0], math.exp(log_variance / 2)))


def literal_nll_sums(task: str, done: Step, y_B: Tensor, depth: int) -> Array:
    """Sum over rows of the NLL at each (input, exit); outputs stand by exit, then by input."""
    n_rows, n_inputs = done.sources_BN.shape
    sums_ND = np.zeros((n_inputs, depth))
    for b, n, d in np.ndindex(n_rows, n_inputs, depth):
        outputs_C = done.outputs_BMC[b, d * n_inputs + n]
        sums_ND[n, d] += literal_nll(task, outputs_C, y_B[done.sources_BN[b, n]].item())
    return sums_ND


def literal_draw(noisy_D: Array, k: int, temperature: float) -> Array:
    a_D, p_D, w_D = noisy_D.copy(), np.zeros_like(noisy_D), np.zeros_like(noisy_D)
    for _ in range(k):
        a_D = a_D + np.log(1 - p_D)
        p_D = np.exp(a_D / temperature) / np.sum(np.exp(a_D / temperature))
        w_D = w_D + p_D
    return w_D


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(
    ("draw", "draw_sum", "kl_scale", "kl_factor"),
    [
        ("theta", "one", "batch", 1 / 10),
        ("logits", "K", "one", 1),
        ("theta", "K", "dataset", 1 / 700),
    ],
)
def test_loss_is_the_literal_formula(
    task: str,
    k: int,
    draw: str,
    draw_sum: str,
    kl_scale: str,
    kl_factor: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise_ND = np.array([[0.9, -0.4, 0.1], [-0.2, 1.3, 0.6]])
    draws: list[tuple[int, ...]] = []

    def fixed_noise(shape: torch.Size, like: Tensor) -> Tensor:
        draws.append(tuple(shape))
        return torch.tensor(noise_ND, dtype=like.dtype)

    monkeypatch.setattr("methods.sae.gumbel", fixed_noise)
    problem = make_problem(task, shape=ImageShape(2, 2, 2), n_train=700)
    method = make_sae(
        problem,
        LOGITS,
        n_exits=k,
        draw=draw,
        draw_temperature=0.9,
        kl_scale=kl_scale,
        alpha_start=0.9,
        alpha_end=0.1,
        temperature_start=1.0,
        temperature_end=0.4,
        repetition_start=0.2,
        repetition_end=0.6,
        draw_sum=draw_sum,
    )
    x_BQHW, y_B = batch(problem, 10)
    done = step(method, x_BQHW, y_B, progress=0.25)
    assert draws == [(2, 3)]  # one independent draw for each input and step

    alpha, temperature, repeated = 0.7, 0.85, 3  # a quarter of the way; i = 0.3 of 10 rows
    assert (done.sources_BN[:repeated, 0] == done.sources_BN[:repeated, 1]).all()
    assert (done.sources_BN[repeated:, 0] != done.sources_BN[repeated:, 1]).any()
    data = kl = 0.0
    nll_ND = literal_nll_sums(task, done, y_B, depth=3) / 10
    for n in range(2):
        logits_D = np.array(LOGITS[n])
        theta_D = np.exp(logits_D / temperature) / np.exp(logits_D / temperature).sum()
        if draw == "theta":
            w_D = literal_draw(np.log(theta_D) + noise_ND[n], k, 0.9)
        else:
            w_D = literal_draw(logits_D + noise_ND[n], k, temperature)
        data += float(w_D @ nll_ND[n]) / (k if draw_sum == "one" else 1)
        kl += float(theta_D @ np.log(theta_D * 3))
    assert done.loss == pytest.approx(data + alpha * kl_factor * kl, rel=2e-6)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_expected_objective_and_its_gradient_by_hand(task: str) -> None:
    # With theta = softmax(l / T) and g the cost of each exit, dL/dl = theta (g - theta . g) / T.
    alpha, temperature = 0.3, 0.6
    schedules = {"alpha_start": alpha, "alpha_end": alpha}
    schedules |= {"temperature_start": temperature, "temperature_end": temperature}
    problem = make_problem(task)
    method = make_sae(problem, LOGITS, depth_weights="expected", **schedules)
    x_BQHW, y_B = batch(problem, 8)
    done = step(method, x_BQHW, y_B)
    theta_ND = special.softmax(np.array(LOGITS) / temperature, axis=1)
    cost_ND = literal_nll_sums(task, done, y_B, depth=3) / 8 + alpha / 8 * np.log(3 * theta_ND)
    loss_N1 = (theta_ND * cost_ND).sum(1, keepdims=True)
    assert done.loss == pytest.approx(loss_N1.sum(), rel=2e-6)
    torch.manual_seed(3)
    loss = method.loss(x_BQHW, y_B, 0.5)
    (gradient_ND,) = torch.autograd.grad(loss, [method.depth_logits_ND])
    expected_ND = theta_ND * (cost_ND - loss_N1) / temperature
    np.testing.assert_allclose(gradient_ND.numpy(), expected_ND, rtol=1e-3, atol=1e-6)


class LabelReader(nn.Module):
    """Reads the label off each input's image; sure of it at every exit."""

    def __init__(self, n_exits: int, n_classes: int) -> None:
        super().__init__()
        self.n_exits, self.n_classes = n_exits, n_classes

    def forward(self, x_BQHW: Tensor) -> Tensor:
        labels_BN = x_BQHW[:, :, 0, 0].long()
        outputs_BNC: Tensor = 50.0 * nn.functional.one_hot(labels_BN, self.n_classes)
        return outputs_BNC.repeat(1, self.n_exits, 1)


@pytest.mark.parametrize("repetition", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("batch_repetition", [1, 2])
def test_targets_move_along_with_their_images(repetition: float, batch_repetition: int) -> None:
    problem = make_problem(n_classes=8)
    method = make_sae(
        problem,
        [[0.0] * 3] * 3,
        repetition_start=repetition,
        repetition_end=repetition,
        batch_repetition=batch_repetition,
    )
    method.network = LabelReader(3, 8)  # type: ignore[assignment]
    y_B = torch.arange(8)
    x_BQHW = y_B.float()[:, None, None, None].expand(-1, *problem.shape)
    torch.manual_seed(0)
    assert method.loss(x_BQHW, y_B, 0.5).item() == pytest.approx(0.0, abs=1e-6)
    mismatched = method.loss(x_BQHW, y_B.roll(1), 0.5).item()
    assert mismatched == pytest.approx(3 * 50.0)


def test_kl_is_0_at_uniform_and_n_log_d_at_one_hot() -> None:
    assert kl_from_uniform(torch.zeros(3, 4), 0.7).item() == pytest.approx(0.0, abs=1e-6)
    one_hot_ND = torch.tensor([[1e4, 0.0, 0.0, 0.0], [0.0, 0.0, 1e4, 0.0], [0.0, 1e4, 0.0, 0.0]])
    assert kl_from_uniform(one_hot_ND, 0.7).item() == pytest.approx(3 * math.log(4))
    assert kl_from_uniform(torch.zeros(2, 1), 0.7).item() == 0.0


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_kl_is_scipys_relative_entropy_summed_over_inputs(temperature: float) -> None:
    theta_ND = np.array([[0.7, 0.2, 0.1], [0.25, 0.35, 0.4]])
    logits_ND = torch.tensor(temperature * np.log(theta_ND))
    expected = sum(stats.entropy(theta_D, [1 / 3] * 3) for theta_D in theta_ND)
    assert kl_from_uniform(logits_ND, temperature).item() == pytest.approx(expected)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_one_input_all_exits_is_the_depth_uncertainty_objective(task: str) -> None:
    # Antoran et al. 2020, eq. 5: ELBO = sum_b E_q(d)[log p(y_b | x_b, d)] - KL(q || uniform prior).
    # A minibatch estimates it per sample: the likelihoods are scaled up by |D| / B, the KL is not.
    n_train, n_rows = 600, 8
    problem = make_problem(task, n_train=n_train)
    x_BQHW, y_B = batch(problem, n_rows)
    method = make_sae(
        problem,
        LOGITS[:1],
        n_exits=3,
        depth_weights="expected",
        kl_scale="dataset",
        alpha_start=1.0,
        alpha_end=1.0,
    )
    done = step(method, x_BQHW, y_B)
    q_D = special.softmax(LOGITS[0])
    kl = float(stats.entropy(q_D, [1 / 3] * 3))
    log_p = -float(q_D @ literal_nll_sums(task, done, y_B, depth=3)[0]) * n_train / n_rows
    assert done.loss == pytest.approx(-(log_p - kl) / n_train, rel=1e-6)
    # Far from what another scale of the KL would give.
    assert kl / n_rows > 100 * 1e-6 * done.loss


def test_kl_scale_dataset_needs_the_size_of_the_data() -> None:
    method = make_sae(make_problem(), LOGITS, kl_scale="dataset")
    with pytest.raises(ValueError, match=r"sae\.kl_scale=dataset: .* how many samples"):
        method.loss(*batch(make_problem(), 8), 0.5)


@pytest.mark.parametrize(
    ("kl_scale", "kl_factor"), [("batch", 1 / 8), ("dataset", 1 / 50), ("one", 1.0)]
)
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_stationary_theta_is_the_softmax_of_the_nlls_over_the_weight_of_the_kl(
    kl_scale: str, kl_factor: float, temperature: float
) -> None:
    alpha, problem = 0.7, make_problem(n_train=50)
    data = batch(problem, 8)
    settings: dict[str, Any] = {
        "n_exits": 3,
        "depth_weights": "expected",
        "kl_scale": kl_scale,
        "alpha_start": alpha,
        "alpha_end": alpha,
        "temperature_start": temperature,
        "temperature_end": temperature,
    }
    done = step(make_sae(problem, LOGITS[:1], **settings), *data)
    nll_ND = literal_nll_sums("classification", done, data[1], depth=3) / 8
    theta_ND = special.softmax(-nll_ND / (alpha * kl_factor), axis=1)
    assert theta_ND.max() - theta_ND.min() > 0.01  # not the trivial one
    found_ND = optimum(torch.tensor(nll_ND), alpha * kl_factor)
    np.testing.assert_allclose(found_ND.numpy(), theta_ND, rtol=1e-6)
    method = make_sae(problem, (temperature * np.log(theta_ND)).tolist(), **settings)
    method.loss(*data, 0.5).backward()  # type: ignore[no-untyped-call]
    gradient_ND = method.depth_logits_ND.grad
    assert gradient_ND is not None
    assert gradient_ND.abs().max() < 1e-5


def test_without_a_kl_the_optimum_is_the_best_exit() -> None:
    nll_ND = torch.tensor([[0.5, 0.2, 0.9], [0.3, 0.3, 0.4]])
    assert optimum(nll_ND, 0.0).tolist() == [[0, 1, 0], [0.5, 0.5, 0]]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("depth_weights", ["expected", "sampled"])
def test_all_mass_on_the_last_exit_is_mimo(task: str, depth_weights: str) -> None:
    # Havasi et al. 2021, eq. 1: the sum over inputs of the mean NLL at the last layer.
    problem = make_problem(task)
    x_BQHW, y_B = batch(problem, 8)
    logits_ND = [[0.0, 0.0, 200.0]] * 2
    method = make_sae(problem, logits_ND, n_exits=1, depth_weights=depth_weights)
    done = step(method, x_BQHW, y_B)
    expected = literal_nll_sums(task, done, y_B, depth=3)[:, -1].sum() / 8
    assert done.loss == pytest.approx(expected, rel=1e-5)


def test_the_gradients_of_the_two_terms_are_recorded_apart() -> None:
    """Means over the steps since the last reading, against separate differentiation."""
    problem = make_problem()
    settings: dict[str, Any] = {"n_exits": 3, "depth_weights": "expected", "temperature_end": 1.0}
    method = make_sae(problem, LOGITS, **settings, alpha_start=0.8, alpha_end=0.8)
    without = make_sae(problem, LOGITS, **settings)
    assert "exit_nll" not in method.diagnostics(0.0)
    data_sum, nll_sum = torch.zeros(2, 3), np.zeros((2, 3))
    for n_rows in (8, 4):
        data = batch(problem, n_rows, seed=n_rows)
        done = step(method, *data)
        nll_sum += literal_nll_sums("classification", done, data[1], depth=3) / n_rows
        torch.manual_seed(3)
        (gradient_ND,) = torch.autograd.grad(without.loss(*data, 0.5), [without.depth_logits_ND])
        data_sum += gradient_ND
    assert method.depth_logits_ND.grad is None  # of losses alone there is no gradient yet
    method.diagnostics(0.0)
    for n_rows in (8, 4):
        torch.manual_seed(3)
        loss = method.loss(*batch(problem, n_rows, seed=n_rows), 0.5)
        loss.backward()  # type: ignore[no-untyped-call]
    logits_ND = torch.tensor(LOGITS, requires_grad=True)
    kl_weight = 0.8 * (1 / 8 + 1 / 4) / 2
    (kl_ND,) = torch.autograd.grad(kl_weight * kl_from_uniform(logits_ND, 1.0), [logits_ND])
    found = method.diagnostics(0.0)
    assert found["depth_data_gradient"] == pytest.approx((data_sum / 2).norm().item(), rel=1e-4)
    assert found["depth_kl_gradient"] == pytest.approx(kl_ND.norm().item(), rel=1e-4)
    np.testing.assert_allclose(found["exit_nll"], nll_sum / 2, rtol=1e-4)
    theta_ND = special.softmax(-nll_sum / 2 / kl_weight, axis=1)
    np.testing.assert_allclose(found["theta_optimum"], theta_ND, rtol=1e-3)
    assert "exit_nll" not in method.diagnostics(0.0)
