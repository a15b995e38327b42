"""How well SAE chose its exits: the rank of its choice among all that it could have made."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

# Up to so many sets are all ranked; of more, so many drawn ones are. D = 4, N = 4 has 1,296.
MOST_SETS = 2_000


def choice_rank(
    log_prob_BND: Tensor, chosen_ND: Tensor, logits_ND: Tensor, k: int, temperature: float
) -> dict[str, Any]:
    """Rank of the chosen exits by NLL among all sets of k exits per input.

    A set predicts as it would if it had been chosen: the mixture of its exits with weights
    softmax(l / T) over them, averaged over inputs.

    Args:
        log_prob_BND: log-probability of the targets at each input's exits.
        chosen_ND: weights of the choice, 0 where an exit is inactive, sum 1.
        logits_ND: l.
        k: exits per input, 1..D.
        temperature: T.

    Returns:
        exit_sets: how many sets there are. exit_set_rank: the share of the other sets that are
        better, equal ones counted half: 0 is the best choice, 1 the worst, 0.5 what a random one
        has on average; None where there is only one set.
    """
    n_inputs, depth = logits_ND.shape
    options = list(itertools.combinations(range(depth), k))
    n_sets = len(options) ** n_inputs
    if n_sets == 1:
        return {"exit_sets": 1, "exit_set_rank": None}
    log_prob_BND, logits_ND = log_prob_BND.double(), logits_ND.double()
    largest_B11 = log_prob_BND.amax((1, 2), keepdim=True)
    prob_BND = (log_prob_BND - largest_B11).exp()
    active_OD = torch.zeros(len(options), depth, dtype=torch.bool, device=logits_ND.device)
    active_OD[torch.arange(len(options))[:, None], torch.tensor(options)] = True
    weights_NOD = torch.softmax(
        (logits_ND / temperature)[:, None].masked_fill(~active_OD, -torch.inf), dim=-1
    )
    # What each input adds to the mixture's probability with each of its options.
    share_NOB = (weights_NOD / n_inputs) @ prob_BND.permute(1, 2, 0)
    inputs_N = list(range(n_inputs))
    nll_S = torch.stack(
        [
            -share_NOB[inputs_N, choice].sum(0).log().mean()
            for choice in _choices(len(options), n_inputs)
        ]
    )
    chosen_nll = -(prob_BND * chosen_ND.double()).sum((1, 2)).log().mean()
    equal = 1e-6 * (1 + chosen_nll.abs())  # weights are float32
    n_better = int((nll_S < chosen_nll - equal).sum())
    n_equal = int(((nll_S - chosen_nll).abs() <= equal).sum())
    # All sets have the choice among them, which does not compete with itself.
    itself = 1 if n_sets <= MOST_SETS and n_equal else 0
    rank = (n_better + (n_equal - itself) / 2) / (len(nll_S) - itself)
    return {"exit_sets": n_sets, "exit_set_rank": rank}


def _choices(n_options: int, n_inputs: int) -> list[tuple[int, ...]]:
    """An option for each input: all choices, or ``MOST_SETS`` drawn ones, always the same."""
    if n_options**n_inputs <= MOST_SETS:
        return list(itertools.product(range(n_options), repeat=n_inputs))
    stream = torch.Generator().manual_seed(0)
    drawn = torch.randint(n_options, (MOST_SETS, n_inputs), generator=stream)
    return [tuple(choice) for choice in drawn.tolist()]
