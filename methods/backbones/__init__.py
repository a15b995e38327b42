"""Backbones: every ``*.py`` here is one, and its file name is its name on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from methods.core.registry import load_from, names_in

if TYPE_CHECKING:
    from methods.core.backbone import BackboneSettings


def backbone_names() -> list[str]:
    """All backbones, sorted; imports none of them (and no torch)."""
    return names_in(sys.modules[__name__])


def load_backbone(name: str) -> type[BackboneSettings]:
    """The settings class of a backbone, which builds it.

    Raises:
        ValueError: unknown name; the message lists the choices.
    """
    from methods.core.backbone import BackboneSettings

    return load_from(sys.modules[__name__], name, BackboneSettings, "backbone")  # type: ignore[type-abstract]
