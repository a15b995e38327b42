"""Backbones: every ``*.py`` here is one, and its file name is its name on the command line.

Names that begin with an underscore are no backbones. Backbones from outside: see `Registry`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from methods.core.registry import Registry

if TYPE_CHECKING:
    from methods.core.backbone import BackboneSettings

BACKBONES = Registry(
    package=__name__, kind="backbone", variable="SAE_BENCH_BACKBONES", group="sae_bench.backbones"
)
sys.meta_path.append(BACKBONES)


def backbone_names() -> list[str]:
    """All backbones, sorted; imports none of them (and no torch)."""
    return BACKBONES.names()


def load_backbone(name: str) -> type[BackboneSettings]:
    """The settings class of a backbone, which builds it.

    Raises:
        ValueError: unknown name; the message lists the choices.
    """
    from methods.core.backbone import BackboneSettings

    return BACKBONES.load(name, BackboneSettings)  # type: ignore[type-abstract]
