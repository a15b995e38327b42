"""The contract that every method keeps, one check a clause; any method is put through all of them.

A check takes the method's class and a problem, and asserts. The settings are the method's defaults:
that these work on a small backbone is part of the contract.
"""

import copy
from collections.abc import Callable
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from methods.core.method import Method
from methods.core.network import Problem

Check = Callable[[type[Method[Any]], Problem], None]


def build(method_type: type[Method[Any]], problem: Problem, seed: int = 3) -> Method[Any]:
    return method_type(problem, method_type.settings_type(), seed=seed)


def batch(problem: Problem, n_rows: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random images and targets that fit the problem."""
    stream = torch.Generator().manual_seed(seed)
    x_BQHW = torch.randn(n_rows, *problem.shape, generator=stream)
    if problem.likelihood.task == "classification":
        n_classes = problem.likelihood.n_outputs
        return x_BQHW, torch.randint(0, n_classes, (n_rows,), generator=stream)
    return x_BQHW, torch.rand(n_rows, generator=stream)


def seeded_loss(method: Method[Any], x_BQHW: Tensor, y_B: Tensor, progress: float = 0.5) -> Tensor:
    torch.manual_seed(11)
    return method.loss(x_BQHW, y_B, progress)


def trained(method_type: type[Method[Any]], problem: Problem) -> Method[Any]:
    """After a few steps: averages, logits and weights are no longer the initial ones."""
    likelihood = problem.likelihood
    key = (method_type, problem.shape, problem.backbone, likelihood.task, likelihood.n_outputs)
    if key not in _TRAINED:
        _TRAINED[key] = _train(build(method_type, problem), problem)
    return copy.deepcopy(_TRAINED[key])


_TRAINED: dict[tuple[object, ...], Method[Any]] = {}  # half of the clauses start from the same


def _train(method: Method[Any], problem: Problem) -> Method[Any]:
    x_BQHW, y_B = batch(problem, 12)
    # Fewer or larger steps end within a transient: Adam's first ones can raise the loss.
    n_steps, optimiser = 20, torch.optim.Adam(method.parameters(), lr=0.003)
    torch.manual_seed(5)
    for step in range(n_steps):
        optimiser.zero_grad()
        method.loss(x_BQHW, y_B, step / n_steps).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return method.eval()


def training_lowers_the_loss(method_type: type[Method[Any]], problem: Problem) -> None:
    x_BQHW, y_B = batch(problem, 12)
    before = seeded_loss(build(method_type, problem), x_BQHW, y_B)
    after = seeded_loss(trained(method_type, problem).train(), x_BQHW, y_B)
    assert before.shape == ()
    assert before.isfinite()
    assert after < before


def every_parameter_gets_a_finite_gradient(
    method_type: type[Method[Any]], problem: Problem
) -> None:
    method, data = build(method_type, problem), batch(problem, 12)
    loss = seeded_loss(method, *data)
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if parameter.ndim > 1:
            assert parameter.grad.any(), name
        elif not parameter.grad.any():
            # A bias in front of a BatchNorm: the one thing that may be without influence.
            with torch.no_grad():
                parameter.add_(1)
                torch.testing.assert_close(seeded_loss(method, *data), loss, msg=name)
                parameter.sub_(1)


def takes_a_step(method: Method[Any], problem: Problem, n_rows: int) -> None:
    """All stays finite, the last biases and the averages move, and a single row is predicted."""
    start = {name: values.clone() for name, values in method.state_dict().items()}
    optimiser = torch.optim.Adam(method.parameters(), lr=0.003)
    loss = seeded_loss(method, *batch(problem, n_rows))
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    state = method.state_dict()
    assert all(values.isfinite().all() for values in state.values())
    stuck = [name for name, values in state.items() if torch.equal(values, start[name])]
    # Two rows leave a BatchNorm as +1 and -1 wherever they lie, and a ReLU may leave nothing of
    # that: weights may stand still, by the rounding of this machine.
    assert not [name for name in stuck if ".linear.bias" in name or "running" in name]
    assert method.eval()(batch(problem, 1)[0]).isfinite().all()


def a_short_last_batch_trains(method_type: type[Method[Any]], problem: Problem) -> None:
    # The fewest rows that training gives a method (bench/training/loop.py), and an odd number.
    for n_rows in (2, 7):
        takes_a_step(build(method_type, problem), problem, n_rows)


def evaluation_gives_members_and_weights(method_type: type[Method[Any]], problem: Problem) -> None:
    method = trained(method_type, problem)
    weights_M = method.weights()
    assert weights_M.ndim == 1
    assert (weights_M >= 0).all()
    torch.testing.assert_close(weights_M.sum(), torch.tensor(1.0))
    for n_rows in (1, 7):
        outputs_BMC = method(batch(problem, n_rows)[0])
        assert outputs_BMC.shape == (n_rows, len(weights_M), problem.likelihood.n_outputs)
        assert outputs_BMC.isfinite().all()


def rows_do_not_see_each_other(method_type: type[Method[Any]], problem: Problem) -> None:
    method = trained(method_type, problem)
    x_BQHW, _ = batch(problem, 5)
    changed_BQHW = torch.cat((x_BQHW[:1], 100 * x_BQHW[1:]))
    torch.manual_seed(7)
    first_BMC = method(x_BQHW)
    torch.manual_seed(7)
    second_BMC = method(changed_BQHW)
    torch.testing.assert_close(first_BMC[0], second_BMC[0])
    assert not torch.allclose(first_BMC[1:], second_BMC[1:])


def deployed_predicts_the_same(method_type: type[Method[Any]], problem: Problem) -> None:
    method = trained(method_type, problem)
    deployed = method.deployed()
    assert not deployed.training
    for n_rows in (1, 7):
        x_BQHW, _ = batch(problem, n_rows)
        torch.manual_seed(7)
        full_BMC = method(x_BQHW)
        torch.manual_seed(7)
        deployed_BMC = deployed(x_BQHW)
        torch.testing.assert_close(deployed_BMC, full_BMC, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(deployed.weights(), method.weights())


def deployed_is_a_copy(method_type: type[Method[Any]], problem: Problem) -> None:
    method = trained(method_type, problem).train()
    state = {name: values.clone() for name, values in method.state_dict().items()}
    deployed = method.deployed()
    with torch.no_grad():
        for values in [*deployed.parameters(), *deployed.buffers()]:
            values.zero_()
    assert method.training
    for name, values in method.state_dict().items():
        assert torch.equal(values, state[name]), name


def saved_weights_give_the_same_predictions(
    method_type: type[Method[Any]], problem: Problem
) -> None:
    method = trained(method_type, problem)
    other = build(method_type, problem, seed=4).eval()
    x_BQHW, _ = batch(problem, 7)
    torch.manual_seed(7)
    expected_BMC = method(x_BQHW)
    # As records hold them: safetensors refuses what shares memory or is not contiguous.
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(method.state_dict())))
    torch.manual_seed(7)
    assert torch.equal(other(x_BQHW), expected_BMC)
    assert torch.equal(other.weights(), method.weights())


def groups_cover_each_parameter_once(method_type: type[Method[Any]], problem: Problem) -> None:
    method = build(method_type, problem)
    groups = method.parameter_groups()
    assert len({group.name for group in groups}) == len(groups)
    grouped = [id(parameter) for group in groups for parameter in group.parameters]
    assert sorted(grouped) == sorted(id(parameter) for parameter in method.parameters())


def parts_share_nothing_and_make_the_whole(
    method_type: type[Method[Any]], problem: Problem
) -> None:
    method = build(method_type, problem)
    parts = method.parts()
    owned = [id(parameter) for part in parts for parameter in part.parameters()]
    assert sorted(owned) == sorted(id(parameter) for parameter in method.parameters())
    assert len({part.seed for part in parts}) == len(parts)


def bits(method: Method[Any], problem: Problem) -> list[Tensor]:
    loss = seeded_loss(method, *batch(problem, 12))
    return [*method.state_dict().values(), loss]


def same_seed_same_bits(method_type: type[Method[Any]], problem: Problem) -> None:
    torch.manual_seed(0)
    one = bits(build(method_type, problem, seed=3), problem)
    torch.manual_seed(1)
    two = bits(build(method_type, problem, seed=3), problem)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def other_seed_other_bits(method_type: type[Method[Any]], problem: Problem) -> None:
    one, two = build(method_type, problem, seed=3), build(method_type, problem, seed=4)
    weights = [
        (name, a, dict(two.named_parameters())[name])
        for name, a in one.named_parameters()
        if a.ndim > 1 and a.any()  # not the depth logits, which start at zero for every seed
    ]
    assert weights
    for name, a, b in weights:
        assert not torch.equal(a, b), name


def building_and_deploying_leave_the_random_stream(
    method_type: type[Method[Any]], problem: Problem
) -> None:
    torch.manual_seed(2)
    state = torch.get_rng_state()
    method = build(method_type, problem)
    assert torch.equal(torch.get_rng_state(), state), "building draws from the global stream"
    method.deployed()
    assert torch.equal(torch.get_rng_state(), state), "deployed() draws from the global stream"


def describes_itself(method_type: type[Method[Any]], problem: Problem) -> None:
    settings = method_type.settings_type()
    assert method_type.category(settings, problem.backbone)
    diagnostics = build(method_type, problem).diagnostics(0.5)
    assert all(isinstance(key, str) for key in diagnostics)


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        training_lowers_the_loss,
        every_parameter_gets_a_finite_gradient,
        a_short_last_batch_trains,
        evaluation_gives_members_and_weights,
        rows_do_not_see_each_other,
        deployed_predicts_the_same,
        deployed_is_a_copy,
        saved_weights_give_the_same_predictions,
        groups_cover_each_parameter_once,
        parts_share_nothing_and_make_the_whole,
        same_seed_same_bits,
        other_seed_other_bits,
        building_and_deploying_leave_the_random_stream,
        describes_itself,
    )
}
