from typing import Any

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem
from torch import Tensor

from methods.core.method import Method
from methods.core.seeding import derive_seed
from methods.ensemble import Ensemble, EnsembleSettings, member_seed
from methods.sae import SAE, SAESettings
from methods.standard import Standard, StandardSettings

both_tasks = pytest.mark.parametrize("task", ["classification", "regression"])


def gradients(method: Method[Any], loss: Tensor) -> dict[str, Tensor]:
    names, values = zip(*method.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, values), strict=True))


@both_tasks
def test_standard_loss_is_the_mean_negative_log_likelihood_of_the_last_exit(task: str) -> None:
    problem = make_problem(task)
    method = Standard(problem, StandardSettings(), seed=0).eval()
    x_BQHW, y_B = batch(problem, 5)
    assert list(method.network.heads) == ["3"]
    outputs_BC = method(x_BQHW)[:, 0]
    by_hand = -sum(
        problem.likelihood.log_prob(outputs_BC[b : b + 1], y_B[b : b + 1]).item() for b in range(5)
    )
    assert method.loss(x_BQHW, y_B, 0.3).item() == pytest.approx(by_hand / 5, rel=1e-5)


@both_tasks
@pytest.mark.parametrize("depth_weights", ["sampled", "expected"])
def test_sae_with_one_exit_and_one_input_is_the_standard_nn(task: str, depth_weights: str) -> None:
    problem = make_problem(task, depth=1)
    standard = Standard(problem, StandardSettings(), seed=5)
    settings = SAESettings(
        n_inputs=1, n_exits=1, alpha_start=0.7, alpha_end=0.7, depth_weights=depth_weights
    )
    sae = SAE(problem, settings, seed=5)
    for name, values in standard.state_dict().items():
        assert torch.equal(sae.state_dict()[name], values), name
    x_BQHW, y_B = batch(problem)
    standard_loss, sae_loss = (m.loss(x_BQHW, y_B, 0.5) for m in (standard, sae))
    assert torch.equal(standard_loss, sae_loss)
    expected, ours = gradients(standard, standard_loss), gradients(sae, sae_loss)
    assert not ours.pop("depth_logits_ND").any()
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        assert torch.equal(ours[name], gradient), name
    assert torch.equal(standard.eval()(x_BQHW), sae.eval()(x_BQHW))
    assert torch.equal(standard.weights(), sae.weights())


@both_tasks
def test_ensemble_of_one_is_the_standard_nn(task: str) -> None:
    problem = make_problem(task)
    standard = Standard(problem, StandardSettings(), seed=5)
    ensemble = Ensemble(problem, EnsembleSettings(n_members=1), seed=5)
    x_BQHW, y_B = batch(problem)
    assert torch.equal(standard.loss(x_BQHW, y_B, 0.0), ensemble.loss(x_BQHW, y_B, 0.0))
    assert torch.equal(standard.eval()(x_BQHW), ensemble.eval()(x_BQHW))
    assert torch.equal(standard.weights(), ensemble.weights())


def test_a_larger_ensemble_begins_with_the_members_of_the_smaller() -> None:
    # That each is the standard network of its seed: tests/backbones.
    problem = make_problem()
    small, large = (Ensemble(problem, EnsembleSettings(n_members=m), seed=5) for m in (2, 4))
    seeds = [5, *(derive_seed(5, "member", m) for m in (1, 2, 3))]
    assert [part.seed for part in large.parts()] == seeds  # the data order follows it
    assert [member_seed(5, m) for m in range(4)] == seeds
    for name, values in small.state_dict().items():
        assert torch.equal(large.state_dict()[name], values), name


@both_tasks
def test_joint_training_gives_each_member_the_gradient_it_gets_alone(task: str) -> None:
    problem = make_problem(task)
    ensemble = Ensemble(problem, EnsembleSettings(n_members=3), seed=5)
    x_BQHW, y_B = batch(problem)
    joint = gradients(ensemble, ensemble.loss(x_BQHW, y_B, 0.0))
    for m in range(3):
        alone = Standard(problem, StandardSettings(), seed=member_seed(5, m))
        for name, gradient in gradients(alone, alone.loss(x_BQHW, y_B, 0.0)).items():
            assert torch.equal(joint[f"members.{m}.{name}"], gradient), name
