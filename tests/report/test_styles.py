"""Markers and colours in the browser are those of the figures, and can be told apart on dark."""

import itertools
import re

import numpy as np
import numpy.typing as npt
import pytest
from plotly.validator_cache import ValidatorCache  # type: ignore[import-untyped]

from bench.figures import style
from bench.report.styles import ON_DARK, SERIES, SYMBOLS, exits, styles

FloatArray = npt.NDArray[np.float64]

KNOWN = list(style._CATEGORIES)
# Machado, Oliveira, Fernandes (2009), severity 1: what protanopes, deuteranopes, tritanopes see.
VISION = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]],
    ]
)  # fmt: skip
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
DARK_PAGE = "#14171c"


def linear(color: str) -> FloatArray:
    """Linear RGB of sRGB."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def cielab(rgb: FloatArray) -> FloatArray:
    t = np.clip(rgb, 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(a: str, b: str) -> float:
    """The smallest CIELAB distance over all kinds of vision."""
    return min(float(np.linalg.norm(cielab(m @ linear(a)) - cielab(m @ linear(b)))) for m in VISION)


def contrast(a: str, b: str) -> float:
    """WCAG's ratio of relative luminances."""
    low, high = sorted(float(linear(color) @ XYZ[1]) + 0.05 for color in (a, b))
    return high / low


def test_every_marker_and_colour_of_the_figures_has_its_twin() -> None:
    every = styles([*KNOWN, *(f"new {i}" for i in range(20))])
    printed = style.category_styles(every)
    assert list(every) == list(printed)
    for name, own in every.items():
        assert own.light == printed[name].color
        assert own.symbol == SYMBOLS[printed[name].marker]


def test_plotly_knows_the_symbols() -> None:
    symbols = ValidatorCache.get_validator("scatter.marker", "symbol")
    for symbol in SYMBOLS.values():
        assert symbols.validate_coerce(symbol) == symbol


def test_colours_on_dark_are_as_far_apart_as_is_said() -> None:
    papers = [look.color for look in style._CATEGORIES.values()]
    known = [ON_DARK[color] for color in papers if color not in style._SPARE_COLORS]
    assert len(known) == 9
    assert min(itertools.starmap(distance, itertools.combinations(known, 2))) >= 29
    assert min(itertools.starmap(distance, itertools.combinations(ON_DARK.values(), 2))) >= 17


def test_everything_on_dark_stands_out_from_the_page() -> None:
    colors = [*ON_DARK.values(), *(style.dark for style in SERIES), *(e["dark"] for e in exits(6))]
    assert min(contrast(color, DARK_PAGE) for color in colors) >= 3


@pytest.mark.parametrize("name", KNOWN)
def test_the_legends_marker_is_a_closed_path_in_its_box(name: str) -> None:
    outline = styles([name])[name].outline
    assert re.fullmatch(r"(M(-?[\d.]+ -?[\d.]+L?)+Z)+", outline)
    numbers = [abs(float(number)) for number in re.findall(r"-?\d+\.\d+", outline)]
    assert max(numbers) == 1


def test_an_upward_triangle_points_up_on_a_screen() -> None:
    """SVG's y axis goes down."""
    outline = styles(["MC Dropout"])["MC Dropout"].outline
    points = [
        tuple(map(float, point.split())) for point in re.findall(r"-?[\d.]+ -?[\d.]+", outline)
    ]
    top = min(points, key=lambda point: point[1])
    assert sum(point[1] == top[1] for point in points) == 1
    assert top[0] == 0
