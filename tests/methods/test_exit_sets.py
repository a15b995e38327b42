"""The rank of SAE's exits among all that it could have chosen, against an enumeration by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from method_contract import batch
from tiny_problems import make_problem

from bench.training.inputs import Inputs
from bench.training.predict import examine
from methods.core.exit_sets import MOST_SETS, choice_rank
from methods.sae import SAE, SAESettings

STREAM = torch.Generator().manual_seed(1)
LOG_PROB_BND = torch.randn(7, 2, 4, generator=STREAM) - 40  # far below what float32 can hold as p
LOGITS_ND = torch.tensor([[0.3, -0.1, 0.2, 0.0], [0.0, 0.4, 0.1, -0.2]])


def literal_nll(exits: tuple[tuple[int, ...], ...], temperature: float) -> float:
    log_prob = LOG_PROB_BND.double().numpy()
    total = 0.0
    for b in range(len(log_prob)):
        p = 0.0
        for n, chosen in enumerate(exits):
            weights = np.exp(LOGITS_ND[n].double().numpy()[list(chosen)] / temperature)
            for weight, d in zip(weights / weights.sum(), chosen, strict=True):
                p += weight / len(exits) * math.exp(log_prob[b, n, d])
        total -= math.log(p)
    return total / len(log_prob)


def weights_of(exits: tuple[tuple[int, ...], ...], temperature: float) -> torch.Tensor:
    weights_ND = torch.zeros(2, 4)
    for n, chosen in enumerate(exits):
        share = torch.softmax(LOGITS_ND[n, list(chosen)] / temperature, dim=-1)
        weights_ND[n, list(chosen)] = share / 2
    return weights_ND


@pytest.mark.parametrize("k", [1, 2, 3])
def test_rank_is_the_share_of_other_sets_that_are_better(k: int) -> None:
    options = list(itertools.combinations(range(4), k))
    sets = list(itertools.product(options, repeat=2))
    ordered = sorted(sets, key=lambda exits: literal_nll(exits, 0.5))
    for position, exits in enumerate(ordered):
        chosen_ND = weights_of(exits, 0.5)
        found = choice_rank(LOG_PROB_BND, chosen_ND, LOGITS_ND, k, 0.5)
        assert found["exit_sets"] == len(sets)
        assert found["exit_set_rank"] == pytest.approx(position / (len(sets) - 1))


def test_equal_sets_share_a_rank() -> None:
    flat_BND = torch.zeros(5, 1, 4)
    chosen_ND = torch.tensor([[1.0, 0, 0, 0]])
    found = choice_rank(flat_BND, chosen_ND, torch.zeros(1, 4), 1, 1.0)
    assert found == {"exit_sets": 4, "exit_set_rank": 0.5}


def test_a_single_set_has_no_rank() -> None:
    found = choice_rank(LOG_PROB_BND, torch.full((2, 4), 1 / 8), LOGITS_ND, 4, 1.0)
    assert found == {"exit_sets": 1, "exit_set_rank": None}


def test_of_many_sets_a_sample_is_ranked() -> None:
    # 6^5 sets; the exits' NLLs differ by input and exit, and the choice is the best of all.
    log_prob_BND = -torch.arange(4.0).expand(3, 5, 4)
    chosen_ND = torch.tensor([0.1, 0.1, 0, 0]).expand(5, 4)
    found = choice_rank(log_prob_BND, chosen_ND, torch.zeros(5, 4), 2, 1.0)
    assert found["exit_sets"] == 6**5 > MOST_SETS
    assert found["exit_set_rank"] == pytest.approx(0, abs=1 / MOST_SETS)
    worst_ND = torch.tensor([0, 0, 0.1, 0.1]).expand(5, 4)
    found = choice_rank(log_prob_BND, worst_ND, torch.zeros(5, 4), 2, 1.0)
    assert found["exit_set_rank"] == pytest.approx(1, abs=1 / MOST_SETS)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_method_is_examined_on_what_it_predicts(task: str) -> None:
    """The best of three exits by NLL has rank 0, the worst 1."""
    problem = make_problem(task)
    x_BQHW, y_B = batch(problem, 300)
    method = SAE(problem, SAESettings(n_inputs=1, n_exits=1), seed=5).eval()
    inputs = Inputs(images_BQHW=x_BQHW, y_B=y_B)
    with torch.no_grad():
        log_prob_BD = problem.likelihood.log_prob(method.network(x_BQHW), y_B[:, None])
    ranks = {}
    for chosen in range(3):
        with torch.no_grad():
            method.depth_logits_ND.copy_(torch.eye(3)[chosen : chosen + 1])
        found = examine(method, inputs, lambda images_BQHW: images_BQHW)
        ranks[chosen] = found["exit_set_rank"]
    order = (-log_prob_BD.mean(0)).argsort().tolist()
    assert [ranks[exit_] for exit_ in order] == [0.0, 0.5, 1.0]
