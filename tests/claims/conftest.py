"""Differences with an interval of a chosen width, instead of the bootstrap's."""

from collections.abc import Callable

import pytest

from bench.claims import evidence
from claims.hand_made import differences_of

Width = Callable[..., None]


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> Width:
    """Every interval is estimate +- the half-width."""

    def set_to(half_width: float, p: float = 0.001) -> None:
        monkeypatch.setattr(evidence, "differences", differences_of(half_width, p))

    return set_to
