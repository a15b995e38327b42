"""Dropout that stays on, and the same with its masks given instead of drawn.

An exported network must not depend on the random generator of the library that runs it. So its
masks are an input: whoever runs it draws them, or takes default ones.

Letters besides the notation's: R rows that the layers see (MC Dropout: pass s of image b is row
s * B + b), T entries of all masks of a row, layer after layer in the order of their calls.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from methods.core.surgery import replace_layers


class AlwaysOnDropout(nn.Module):
    """Dropout in training and in evaluation alike.

    Args:
        rate: the probability of an entry, or a channel, to be zero.
        channelwise: whole channels of a map (B, F, H, W) are dropped (Tompson et al. 2015).
    """

    def __init__(self, rate: float, *, channelwise: bool = False) -> None:
        super().__init__()
        self.rate, self.channelwise = rate, channelwise

    def forward(self, features: Tensor) -> Tensor:
        """Zero what is dropped, scale the rest by 1 / (1 - rate)."""
        drop = F.dropout2d if self.channelwise else F.dropout
        return drop(features, self.rate, training=True)

    def mask_shape(self, features: Tensor) -> torch.Size:
        """The shape of the mask that ``features`` is multiplied by; it broadcasts to theirs."""
        shape = features.shape
        return torch.Size((*shape[:2], 1, 1)) if self.channelwise else shape


class _Tape:
    """The masks of one batch, written or read layer after layer."""

    def __init__(self) -> None:
        self.keeps: list[Tensor] = []
        self.given_RT: Tensor | None = None
        self.position = 0

    def write(self, keep: Tensor) -> None:
        self.keeps.append(keep.flatten(1))

    def read(self, shape: torch.Size) -> Tensor:
        assert self.given_RT is not None
        start, self.position = self.position, self.position + shape[1:].numel()
        return self.given_RT[:, start : self.position].reshape(shape)


class _DrawnDropout(nn.Module):
    def __init__(self, dropout: AlwaysOnDropout, tape: _Tape) -> None:
        super().__init__()
        self._dropout, self._tape = dropout, tape

    def forward(self, features: Tensor) -> Tensor:
        # Dropout of ones draws what dropout of the features would, in the same order.
        # (Of ones that lie in memory as the features do, since draws go by memory.)
        ones = torch.ones_like(features)
        if self._dropout.channelwise:
            ones = ones[..., :1, :1]
        mask: Tensor = self._dropout(ones)
        self._tape.write(mask != 0)
        return features * mask


class _GivenDropout(nn.Module):
    def __init__(self, dropout: AlwaysOnDropout, tape: _Tape) -> None:
        super().__init__()
        self._dropout, self._tape = dropout, tape

    def forward(self, features: Tensor) -> Tensor:
        keep = self._tape.read(self._dropout.mask_shape(features))
        return features * (keep * (1 / (1 - self._dropout.rate)))


class Drawn(nn.Module):
    """A copy of a module that draws the same masks and hands them out beside its outputs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._tape = _Tape()
        self.module = _with(_DrawnDropout, module, self._tape)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Outputs, and True (R, T) where an entry was kept; None where nothing is dropped."""
        self._tape.keeps = []
        outputs = self.module(x)
        keeps = self._tape.keeps
        return outputs, torch.cat(keeps, dim=1) if keeps else None


class Given(nn.Module):
    """A copy of a module that takes its masks beside its input."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._tape = _Tape()
        self.module = _with(_GivenDropout, module, self._tape)

    def forward(self, x: Tensor, keep_RT: Tensor) -> Tensor:
        """The module's outputs where ``keep_RT`` (bool) selects what its layers keep."""
        self._tape.given_RT, self._tape.position = keep_RT, 0
        outputs: Tensor = self.module(x)
        read, self._tape.given_RT = self._tape.position, None
        if read != keep_RT.shape[1]:
            raise ValueError(f"masks have {keep_RT.shape[1]} entries a row: must be {read}")
        return outputs


def rate_of(module: nn.Module) -> float | None:
    """The one rate of all dropout that stays on in a module; None where there is none."""
    rates = {layer.rate for layer in module.modules() if isinstance(layer, AlwaysOnDropout)}
    assert len(rates) <= 1, "masks are drawn at one rate"
    return rates.pop() if rates else None


def _with(
    kind: type[_DrawnDropout] | type[_GivenDropout], module: nn.Module, tape: _Tape
) -> nn.Module:
    copied = copy.deepcopy(module)

    def replaced(_index: int, layer: nn.Module) -> nn.Module:
        assert isinstance(layer, AlwaysOnDropout)
        return kind(layer, tape)

    replace_layers(copied, (AlwaysOnDropout,), replaced)
    return copied
