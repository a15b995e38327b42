"""Random draws of SAE: which exits train in a step, and which sample each input carries."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.core.schedule import Progress


def gumbel(shape: torch.Size, like: Tensor) -> Tensor:
    """Standard Gumbel noise: -log of a unit exponential."""
    return -torch.empty(shape, dtype=like.dtype, device=like.device).exponential_().log()


def relaxed_top_k(logits_ND: Tensor, k: int, temperature: Progress) -> Tensor:
    """Continuous relaxation of taking the k largest of each row; each row sums to k.

    The relaxed sampling without replacement of Xie & Ermon 2019: with a the (noisy) logits,
    k times: a += log(1 - p), p = softmax(a / T), w += p, starting from p = 0. With Gumbel noise
    added to the logits it relaxes Gumbel top-k sampling (Kool et al. 2019).

    Args:
        logits_ND: log-weights, noise included, finite.
        k: in 1..D.
        temperature: T > 0; towards 0 the result tends to a hard top-k.

    Returns:
        w_ND in [0, k], rows sum to k.

    Raises:
        ValueError: k or temperature out of range.
    """
    depth = logits_ND.shape[-1]
    if not 1 <= k <= depth:
        raise ValueError(f"k={k}: must be in 1..{depth} (the exits)")
    if not isinstance(temperature, Tensor) and temperature <= 0:
        raise ValueError(f"temperature={temperature}: must be > 0")
    a_ND = logits_ND
    log_p_ND = torch.log_softmax(a_ND / temperature, dim=-1)
    w_ND = log_p_ND.exp()
    for _ in range(k - 1):
        a_ND = a_ND + _log_complement(log_p_ND)
        log_p_ND = torch.log_softmax(a_ND / temperature, dim=-1)
        w_ND = w_ND + log_p_ND.exp()
    return w_ND


def _log_complement(log_p_ND: Tensor) -> Tensor:
    """log(1 - p), exact where p rounds to 1: a logsumexp over the others."""
    itself = torch.eye(log_p_ND.shape[-1], dtype=torch.bool, device=log_p_ND.device)
    return log_p_ND[..., None, :].masked_fill(itself, -torch.inf).logsumexp(-1)


def input_sources(
    n_rows: int, n_inputs: int, share_repeated: Progress, device: torch.device | str = "cpu"
) -> Tensor:
    """For each training row and input, the batch row whose sample it carries: (B, N).

    A share of the rows (rounded) carries one sample on all inputs. In the other rows every input
    has its own random permutation of those rows, so each input sees each sample exactly once.
    Input 0 keeps the batch's order, which is random already: one input draws no random number.

    Args:
        n_rows: B.
        n_inputs: N.
        share_repeated: i in [0, 1]; a tensor, in whose place no value is looked at, draws other
            numbers of the same distribution.
        device: where the rows are drawn.
    """
    row_B = torch.arange(n_rows, device=device)
    if isinstance(share_repeated, Tensor):
        return _sources_on_device(row_B, n_inputs, (share_repeated * n_rows).round())
    if not 0.0 <= share_repeated <= 1.0:
        raise ValueError(f"share_repeated={share_repeated}: must be in [0, 1]")
    sources_BN = row_B[:, None].repeat(1, n_inputs)
    first_mixed = round(share_repeated * n_rows)
    for n in range(1, n_inputs):
        drawn = torch.randperm(n_rows - first_mixed, device=device)
        sources_BN[first_mixed:, n] = first_mixed + drawn
    return sources_BN


def _sources_on_device(row_B: Tensor, n_inputs: int, first_mixed: Tensor) -> Tensor:
    """Sort by random keys: a permutation; rows that repeat have keys below them, in order."""
    if n_inputs == 1:
        return row_B[:, None]
    keys_BN = torch.rand(len(row_B), n_inputs - 1, device=row_B.device)
    fixed_B1 = (row_B - len(row_B))[:, None]
    keys_BN = torch.where(row_B[:, None] < first_mixed, fixed_B1, keys_BN)
    return torch.cat((row_B[:, None], keys_BN.argsort(0)), dim=1)
