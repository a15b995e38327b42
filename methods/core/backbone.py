"""What a backbone is: a stem and D stages. It knows nothing of exits or methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from methods.core.space import Settings


class ImageShape(NamedTuple):
    """Q channels, H rows, W columns of one image."""

    channels: int
    height: int
    width: int


class Backbone(nn.Module):
    """A stem that takes N images stacked on the channel axis, and D stages run in turn.

    Attributes:
        stem: maps (B, N*Q, H, W) to features.
        stages: D modules; stage d maps the features of stage d-1.
        features: width F of each stage's features, length D.
        layout: how the features lie: "vector" (B, F), "map" (B, F, H, W) or "tokens" (B, L, F).
            An exit head is chosen by it (methods.core.exits).
    """

    layout: str

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], features: Sequence[int]):
        super().__init__()
        assert len(stages) == len(features) > 0
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.features = tuple(features)


@dataclass(frozen=True, kw_only=True)
class BackboneSettings(Settings):
    """A backbone's settings build it; every backbone has a ``width`` and a ``depth`` (D)."""

    width: int
    depth: int

    @abstractmethod
    def build(self, shape: ImageShape, n_inputs: int) -> Backbone:
        """The backbone for N = ``n_inputs`` stacked images of ``shape``."""
