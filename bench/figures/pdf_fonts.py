"""Fonts in a PDF without the tables that shape text: its glyphs are placed already.

Matplotlib embeds a subset of each font by fontTools, for which the substitutions and the kerning of
all of DejaVu Sans are read and cut: two thirds of the time that a PDF takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset  # type: ignore[import-untyped]

_SHAPING = ("GDEF", "GPOS", "GSUB", "MATH", "kern")


@contextmanager
def without_shaping() -> Iterator[None]:
    """Embed fonts without these tables, for as long as it is entered."""
    load = subset.load_font

    def loaded(*arguments: Any, **options: Any) -> Any:
        font = load(*arguments, **options)
        for table in _SHAPING:
            if table in font:
                del font[table]
        return font

    subset.load_font = loaded
    try:
        yield
    finally:
        subset.load_font = load
