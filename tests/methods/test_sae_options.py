"""Each option and schedule of SAE's training: what it changes, and that it changes nothing else."""

import itertools
from typing import Any

import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem
from torch import Tensor

from methods.sae import SAE, SAESettings

N_ROWS = 40
BATCH = batch(make_problem(), N_ROWS)
LOGITS = torch.tensor([[0.4, -0.3, 0.8], [-0.5, 0.1, 0.2]])


def constant(alpha: float = 0.0, temperature: float = 1.0, repetition: float = 0.0) -> Any:
    return {
        "alpha_start": alpha,
        "alpha_end": alpha,
        "temperature_start": temperature,
        "temperature_end": temperature,
        "repetition_start": repetition,
        "repetition_end": repetition,
    }


def make_sae(**settings: Any) -> SAE:
    method = SAE(make_problem(), SAESettings(n_inputs=2, **settings), seed=5)
    with torch.no_grad():
        method.depth_logits_ND.copy_(LOGITS)
    return method


def loss_of(method: SAE, progress: float = 0.5) -> float:
    torch.manual_seed(3)
    return method.loss(*BATCH, progress).item()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_draws_that_sum_to_k_count_the_data_k_times(k: int) -> None:
    one, many = (
        loss_of(make_sae(n_exits=k, draw_sum=draw_sum, **constant())) for draw_sum in ("one", "K")
    )
    assert many == pytest.approx(k * one, rel=1e-5)


def test_expected_weights_are_the_distribution_and_draw_nothing() -> None:
    expected = make_sae(depth_weights="expected", **constant(repetition=1.0))
    torch.manual_seed(0)
    first = expected.loss(*BATCH, 0.5)
    assert torch.equal(first, expected.loss(*BATCH, 0.5))
    sampled = make_sae(**constant(repetition=1.0))
    assert not torch.equal(sampled.loss(*BATCH, 0.5), sampled.loss(*BATCH, 0.5))


def test_repeated_batch_shows_every_input_every_sample_twice() -> None:
    method = make_sae(batch_repetition=2, **constant())
    seen: list[Tensor] = []
    method.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    torch.manual_seed(3)
    method.loss(*BATCH, 0.5)
    for carried in seen[0].chunk(2, dim=1):
        matches = (carried[:, None] == BATCH[0]).flatten(2).all(-1)
        assert matches.shape == (2 * N_ROWS, N_ROWS)
        assert matches.sum(0).tolist() == [2] * N_ROWS


def test_repeated_batch_of_repeated_samples_changes_nothing() -> None:
    once, twice = (loss_of(make_sae(batch_repetition=n, **constant(0.5, 0.7, 1.0))) for n in (1, 2))
    assert twice == pytest.approx(once, rel=1e-5)


@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("scheduled", ["alpha", "temperature", "repetition"])
@pytest.mark.parametrize("depth_weights", ["sampled", "expected"])
def test_schedules_interpolate_over_the_training(
    scheduled: str,
    progress: float,
    depth_weights: str,
) -> None:
    start, end = 0.9, 0.1
    still = {"alpha": 0.4, "temperature": 0.6, "repetition": 0.25}
    moving = {**constant(**still), f"{scheduled}_start": start, f"{scheduled}_end": end}
    now = start + progress * (end - start)
    options: Any = {"depth_weights": depth_weights, "n_exits": 2}
    ours = loss_of(make_sae(**options, **moving), progress)
    expected = loss_of(make_sae(**options, **constant(**{**still, scheduled: now})))
    assert ours == pytest.approx(expected, rel=1e-6)
    for other in (start, end, 0.5):
        if abs(other - now) > 0.01:
            unlike = loss_of(make_sae(**options, **constant(**{**still, scheduled: other})))
            assert ours != pytest.approx(unlike, rel=1e-5)


@pytest.mark.parametrize("k", [1, 2])
def test_gradients_reach_the_depth_logits(k: int) -> None:
    """With the noise held, they are those of finite differences of the loss itself."""
    method = make_sae(n_exits=k, **constant(alpha=0.5, temperature=0.7)).double()
    x_BQHW, y_B = BATCH[0].double(), BATCH[1]

    def loss() -> Tensor:
        torch.manual_seed(3)
        return method.loss(x_BQHW, y_B, 0.5)

    (gradient_ND,) = torch.autograd.grad(loss(), [method.depth_logits_ND])
    for n, d in itertools.product(range(2), range(3)):
        with torch.no_grad():
            method.depth_logits_ND[n, d] += 1e-5
            above = loss().item()
            method.depth_logits_ND[n, d] -= 2e-5
            below = loss().item()
            method.depth_logits_ND[n, d] += 1e-5
        assert gradient_ND[n, d].item() == pytest.approx((above - below) / 2e-5, rel=1e-4)
        assert abs(gradient_ND[n, d].item()) > 1e-4


def test_depth_logits_start_at_zero_in_a_group_of_their_own() -> None:
    settings = SAESettings(n_inputs=3, depth_learning_rate=7.0, depth_clip=0.25)
    method = SAE(make_problem(depth=4), settings, seed=5)
    assert torch.equal(method.depth_logits_ND, torch.zeros(3, 4))
    weights, depth = method.parameter_groups()
    assert [id(values) for values in depth.parameters] == [id(method.depth_logits_ND)]
    assert (depth.weight_decay, depth.learning_rate, depth.clip) == (False, 7.0, 0.25)
    assert (weights.weight_decay, weights.learning_rate, weights.clip) == (True, 1.0, None)


@pytest.mark.parametrize(
    ("options", "n_terms"),
    [({}, 3), ({"draw_sum": "K"}, 6), ({"draw_sum": "K", "depth_weights": "expected"}, 3)],
)
def test_the_weights_clip_grows_with_what_the_loss_sums(
    options: dict[str, str], n_terms: int
) -> None:
    method = SAE(make_problem(), SAESettings(n_inputs=3, n_exits=2, **options), seed=5)  # type: ignore[arg-type]
    assert method.parameter_groups()[0].clip_factor == n_terms
    flat: Any = {**constant(), **options, "n_exits": 2}
    one = SAE(make_problem(), SAESettings(n_inputs=1, n_exits=1, **constant()), seed=5)
    many = SAE(make_problem(), SAESettings(n_inputs=3, **flat), seed=5)
    assert loss_of(many) == pytest.approx(n_terms * loss_of(one), rel=0.5)
