import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_problems import make_problem
from torch import Tensor

from methods.core.sampling import gumbel, input_sources, relaxed_top_k
from methods.sae import SAE, SAESettings


def logits(n_rows: int, depth: int, scale: float, seed: int = 0) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n_rows, depth, generator=stream, dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.01, 1.0])
@pytest.mark.parametrize("scale", [0.01, 30.0])
@pytest.mark.parametrize(("depth", "k"), [(1, 1), (3, 2), (5, 5)])
def test_rows_sum_to_k(depth: int, k: int, scale: float, temperature: float) -> None:
    w_ND = relaxed_top_k(logits(50, depth, scale), k, temperature)
    assert w_ND.shape == (50, depth)
    assert (w_ND >= 0).all()
    torch.testing.assert_close(w_ND.sum(-1), torch.full((50,), float(k), dtype=torch.float64))


def test_k_1_is_the_softmax() -> None:
    noisy_ND = logits(10, 4, 2.0)
    w_ND = relaxed_top_k(noisy_ND, 1, 0.3)
    torch.testing.assert_close(w_ND, torch.softmax(noisy_ND / 0.3, dim=-1))


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        # Row (0.5, 0.3, 0.2), k = 2. T = 1: the second draw is over p (1 - p)
        # = (0.25, 0.21, 0.16), sum 0.62.
        (1.0, [0.5 + 25 / 62, 0.3 + 21 / 62, 0.2 + 16 / 62]),
        # T = 1/2: p = (25, 9, 4) / 38; the logits of the second draw are those of
        # (0.5 * 13/38, 0.3 * 29/38, 0.2 * 34/38) ~ (65, 87, 68), squared: (4225, 7569, 4624).
        (0.5, [25 / 38 + 4225 / 16418, 9 / 38 + 7569 / 16418, 4 / 38 + 4624 / 16418]),
    ],
)
def test_two_steps_by_hand(temperature: float, expected: list[float]) -> None:
    noisy_ND = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).log()
    w_ND = relaxed_top_k(noisy_ND, 2, temperature)
    assert w_ND[0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_three_and_more_steps_against_the_literal_formula(k: int) -> None:
    noisy_D, temperature = np.array([0.3, -0.2, 0.9, 0.1]), 0.7
    a_D, w_D, p_D = noisy_D.copy(), np.zeros(4), np.zeros(4)
    for _ in range(k):
        a_D = a_D + np.log(1 - p_D)
        p_D = np.exp(a_D / temperature) / np.exp(a_D / temperature).sum()
        w_D = w_D + p_D
    ours_ND = relaxed_top_k(torch.tensor(noisy_D)[None], k, temperature)
    np.testing.assert_allclose(ours_ND[0].numpy(), w_D, rtol=1e-12)


def test_log_complement_is_exact_where_softmax_saturates() -> None:
    # softmax(200, 1, 0) rounds to (1, 0, 0) and log(1 - 1) to -inf. In truth the second draw has
    # the logits (log(e + 1), 1, 0): exactly half of it falls on the first exit again.
    w_ND = relaxed_top_k(torch.tensor([[200.0, 1.0, 0.0]]), 2, 1.0)
    e = math.e
    expected = [1.5, e / (2 * (e + 1)), 1 / (2 * (e + 1))]
    assert w_ND[0].tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_low_temperature_is_the_hard_top_k(k: int) -> None:
    noisy_ND = torch.tensor([[0.1, 2.0, -1.0, 1.2], [3.0, 2.0, 1.0, 0.0]], dtype=torch.float64)
    hard_ND = torch.zeros_like(noisy_ND).scatter(1, noisy_ND.topk(k).indices, 1.0)
    torch.testing.assert_close(relaxed_top_k(noisy_ND, k, 1e-3), hard_ND)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_gradients_are_finite_at_extreme_logits(k: int, temperature: float) -> None:
    noisy_ND = torch.tensor(
        [[1e3, -1e3, 0.0, 5.0], [1e3, 1e3, 1e3, -1e3], [0.0, 0.0, 0.0, 0.0]], requires_grad=True
    )
    w_ND = relaxed_top_k(noisy_ND, k, temperature)
    (w_ND * torch.tensor([1.0, -2.0, 0.5, 3.0])).sum().backward()  # type: ignore[no-untyped-call]
    assert w_ND.isfinite().all()
    assert noisy_ND.grad is not None
    assert noisy_ND.grad.isfinite().all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_gradients_are_those_of_finite_differences(k: int) -> None:
    noisy_ND = logits(2, 3, 1.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda a_ND: relaxed_top_k(a_ND, k, 0.7), (noisy_ND,))


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_out_of_range_is_an_error(k: int) -> None:
    with pytest.raises(ValueError, match=rf"k={k}: must be in 1\.\.3"):
        relaxed_top_k(torch.zeros(2, 3), k, 1.0)


@pytest.mark.parametrize("temperature", [0.0, -0.5])
def test_temperature_out_of_range_is_an_error(temperature: float) -> None:
    with pytest.raises(ValueError, match=rf"temperature={temperature}: must be > 0"):
        relaxed_top_k(torch.zeros(2, 3), 1, temperature)


def inclusion_probabilities(weights: list[float], k: int) -> list[float]:
    """How often each item is among k drawn without replacement (Plackett-Luce), by enumeration."""
    inclusion = [0.0] * len(weights)
    for order in itertools.permutations(range(len(weights)), k):
        probability, left = 1.0, sum(weights)
        for item in order:
            probability *= weights[item] / left
            left -= weights[item]
        for item in order:
            inclusion[item] += probability
    return inclusion


@pytest.mark.parametrize("k", [1, 2, 3])
def test_noisy_low_temperature_draws_are_sampling_without_replacement(k: int) -> None:
    weights, n_draws = [0.5, 0.3, 0.15, 0.05], 20_000
    log_weights = torch.tensor(weights, dtype=torch.float64).log().expand(n_draws, 4)
    torch.manual_seed(0)
    noisy = log_weights + gumbel(log_weights.shape, like=log_weights)
    frequencies = relaxed_top_k(noisy, k, 1e-4).mean(0)
    # A frequency's standard error is at most sqrt(0.25 / 20000) = 0.0035: 4 of them. The next
    # nearest mistake, drawing with replacement or by a wrong noise, is off by 0.03 and more.
    assert frequencies.tolist() == pytest.approx(inclusion_probabilities(weights, k), abs=0.014)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("draw", ["theta", "logits"])
def test_sae_draws_from_theta_and_the_authors_code_from_the_logits(
    draw: str, k: int, temperature: float
) -> None:
    """The mean weight of hard draws is the probability to be among the k, over k."""
    logits_D = torch.tensor([1.0, 0.0, -0.5, 0.3])
    settings = SAESettings(n_inputs=1, n_exits=k, draw=draw, draw_temperature=1e-3)
    method = SAE(make_problem(depth=4), settings, seed=0)
    torch.manual_seed(0)
    # The temperature of the authors' draw is that of its relaxation: a hard draw needs a low one.
    now = temperature if draw == "theta" else 1e-3
    drawn_D = method._depth_weights(logits_D.expand(20_000, 4), now).mean(0)
    target_D = torch.softmax(logits_D / (temperature if draw == "theta" else 1), dim=-1)
    expected = [share / k for share in inclusion_probabilities(target_D.tolist(), k)]
    assert drawn_D.tolist() == pytest.approx(expected, abs=0.014)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_weights_at_the_defaults_lean_to_the_exits_that_theta_prefers(k: int) -> None:
    """Flatter than theta, yet far from uniform even where all exits are drawn (hard: exactly)."""
    logits_D = torch.tensor([1.0, 0.0, 0.0, 0.0])
    method = SAE(make_problem(depth=4), SAESettings(n_inputs=1, n_exits=k), seed=0)
    torch.manual_seed(0)
    drawn = method._depth_weights(logits_D.expand(20_000, 4), 0.5).mean(0)[0].item()
    theta = torch.softmax(logits_D / 0.5, dim=-1)[0].item()
    assert theta == pytest.approx(0.711, abs=0.001)
    assert 0.4 < drawn < theta


def test_noise_is_standard_gumbel() -> None:
    torch.manual_seed(0)
    like = torch.zeros(2, dtype=torch.float64)
    noise = gumbel(torch.Size([100, 50]), like=like)
    assert noise.shape == (100, 50)
    assert noise.dtype == torch.float64
    assert stats.kstest(noise.flatten().numpy(), "gumbel_r").pvalue > 0.01


def test_repeated_rows_carry_one_sample_on_all_inputs() -> None:
    assert input_sources(6, 3, 1.0).tolist() == [[b, b, b] for b in range(6)]


Number = Callable[[float], float | Tensor]


@pytest.fixture(
    params=[float, partial(torch.tensor, dtype=torch.float64)], ids=["number", "tensor"]
)
def number(request: pytest.FixtureRequest) -> Number:
    """A share as the CPU gets it, or as a GPU does."""
    chosen: Number = request.param
    return chosen


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("n_inputs", [1, 2, 4])
def test_every_input_sees_every_sample_exactly_once(
    n_inputs: int, share: float, number: Number
) -> None:
    torch.manual_seed(0)
    sources_BN = input_sources(20, n_inputs, number(share))
    assert sources_BN.shape == (20, n_inputs)
    for n in range(n_inputs):
        assert sorted(sources_BN[:, n].tolist()) == list(range(20))


def test_without_repetition_inputs_carry_independent_permutations(number: Number) -> None:
    torch.manual_seed(0)
    sources_BN = input_sources(200, 3, number(0.0))
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        # Two independent permutations agree in 1 row on average (Poisson: 6 or more in 1 of 1,700).
        assert (sources_BN[:, one] == sources_BN[:, other]).sum() <= 5


def test_all_permutations_are_equally_likely(number: Number) -> None:
    torch.manual_seed(0)
    draws = [tuple(input_sources(3, 2, number(0.0))[:, 1].tolist()) for _ in range(1200)]
    counts = [draws.count(order) for order in itertools.permutations(range(3))]
    assert sum(counts) == 1200
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(
    ("share", "n_repeated"), [(0.0, 0), (0.1, 10), (0.25, 25), (0.504, 50), (0.506, 51), (1.0, 100)]
)
def test_share_of_rows_that_repeat(share: float, n_repeated: int, number: Number) -> None:
    torch.manual_seed(0)
    sources_BN = input_sources(100, 4, number(share))
    same_B = (sources_BN == sources_BN[:, :1]).all(1)
    assert same_B[:n_repeated].all()
    # That all 4 inputs of a mixed row agree by chance has a probability below 1e-4 here.
    assert not same_B[n_repeated:].any()


def test_input_0_keeps_the_batchs_order(number: Number) -> None:
    torch.manual_seed(0)
    assert input_sources(9, 3, number(0.4))[:, 0].tolist() == list(range(9))


def test_one_input_draws_no_random_number(number: Number) -> None:
    state = torch.get_rng_state()
    input_sources(9, 1, number(0.4))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_share_out_of_range_is_an_error(share: float) -> None:
    with pytest.raises(ValueError, match=rf"share_repeated={share}: must be in \[0, 1\]"):
        input_sources(4, 2, share)
