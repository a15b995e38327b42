"""How categories are drawn in a browser: the figures' markers and lines, on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle

from bench.figures.style import FIRST, SECOND, CategoryStyle, category_styles, exit_styles

# The figures' colours for a dark page. Among the nine of the known categories, two differ by at
# least 29 in CIELAB, in normal vision and in simulated protanopia, deuteranopia and tritanopia
# (Machado et al. 2009), the measure of `bench.figures.style`; with the five spare ones by 17. All
# contrast with the page by 3 or more (WCAG's rule for graphics). Hues are near those on light.
ON_DARK: Mapping[str, str] = MappingProxyType(
    {
        "#000000": "#FFFFFF",
        "#999999": "#A1A1A1",
        "#F0C000": "#FFD600",
        "#661100": "#B84546",
        "#77CCEE": "#00CCF9",
        "#4477AA": "#00749D",
        "#EE8866": "#FF9A73",
        "#CC3311": "#DF1B00",
        "#332288": "#AF00EA",
        "#440044": "#BB77FF",
        "#AA00FF": "#886275",
        "#664455": "#89C033",
        "#EE55FF": "#C6D4E7",
        "#995544": "#A3FFBC",
    }
)
# Plotly's names of Matplotlib's markers.
SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "o": "circle",
        "s": "square",
        "^": "triangle-up",
        "v": "triangle-down",
        "P": "cross",
        "X": "x",
        "<": "triangle-left",
        ">": "triangle-right",
        "D": "diamond",
        "*": "star",
        "p": "pentagon",
        "h": "hexagon",
        "d": "diamond-tall",
        "8": "octagon",
        "H": "hexagon2",
    }
)
_DASHES: Mapping[str, str] = MappingProxyType(
    {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
)


@dataclass(frozen=True, kw_only=True)
class Style:
    """One category.

    Attributes:
        light, dark: colours on a light and on a dark page.
        symbol: Plotly's name of the marker.
        dash: Plotly's name of the line, or dashes and gaps in pixels.
        outline: the marker as an SVG path around the origin, at most 1 in each direction.
    """

    light: str
    dark: str
    symbol: str
    dash: str
    outline: str


def styles(categories: Iterable[str]) -> dict[str, Style]:
    """The style of each category present, in the order of the figures' legend."""
    return {name: _style(style) for name, style in category_styles(categories).items()}


def _style(style: CategoryStyle) -> Style:
    return _of_line(style.color, ON_DARK[style.color], style.marker, style.linestyle)


def exits(n_exits: int) -> list[dict[str, str]]:
    """Colours and dashes of exits 1, 2, ...; on dark the map's dark end would vanish."""
    dark = colormaps["viridis"](np.linspace(0.4, 1, n_exits))
    return [
        {"light": line["color"], "dark": to_hex(color), "dash": _dash(line["linestyle"])}
        for line, color in zip(exit_styles(n_exits), dark, strict=True)
    ]


def _of_line(light: str, dark: str, marker: str, linestyle: Any) -> Style:
    return Style(
        light=light,
        dark=dark,
        symbol=SYMBOLS[marker],
        dash=_dash(linestyle),
        outline=_outline(marker),
    )


def _dash(linestyle: str | tuple[int, tuple[float, ...]]) -> str:
    if isinstance(linestyle, str):
        return _DASHES[linestyle]
    _, lengths = linestyle  # in line widths
    return ",".join(f"{2 * length:g}px" for length in lengths)


def _outline(marker: str) -> str:
    """The legend shows what Matplotlib and Plotly draw, not a letter that a font may lack."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    scale = np.abs(np.asarray(path.vertices)).max()
    polygons = [np.asarray(polygon) for polygon in path.to_polygons(closed_only=True)]
    return "".join(
        "M" + "L".join(f"{x / scale:.2f} {-y / scale:.2f}" for x, y in polygon[:-1]) + "Z"
        for polygon in polygons
    )


# What is measured on clean data, and under shift.
SERIES = tuple(
    _of_line(line["color"], dark, line["marker"], line["linestyle"])
    for line, dark in ((FIRST, "#5AB4E5"), (SECOND, "#FF7A5C"))
)
