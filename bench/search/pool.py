"""The points among which an acquisition function is maximised.

The space is mixed: whole numbers, categories, floats. Its points are made first, as the
distributions can express them, and then compared. A continuous optimum that is rounded afterwards
is another point, often one that has been trained already. Letters: S points of the pool, P
parameters.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc, truncnorm

from bench.search.space import Params
from bench.search.unit_cube import Point, UnitCube, identity

# 2**8: an even cover needs a power of two.
SOBOL_EXPONENT = 8
MUTANTS = 256
# Of a parameter's range: near the parent, and yet enough for a whole number of a few values to
# change.
MUTATION_SCALE = 0.2


def draw_pool(cube: UnitCube, parents: Sequence[Params], rng: np.random.Generator) -> list[Point]:
    """Points to choose from: one half spread over the space, the other mutations of good ones.

    Returns:
        Different points, at least one.
    """
    points = _spread(cube, rng) + (_mutants(cube, parents, rng) if parents else [])
    return list({identity(point): point for point in points}.values())


def _spread(cube: UnitCube, rng: np.random.Generator) -> list[Point]:
    u_SP = qmc.Sobol(cube.dimensions, rng=rng).random_base2(SOBOL_EXPONENT)
    return [cube.point(u_P) for u_P in u_SP]


def _mutants(cube: UnitCube, parents: Sequence[Params], rng: np.random.Generator) -> list[Point]:
    """Parents with at least one parameter moved, on average not quite two.

    The other values are kept as they are, to the bit: through the cube and back they could
    differ in the last digit, and a known point would pass for a new one.
    """
    chosen = rng.integers(len(parents), size=MUTANTS)
    moved_SP = rng.random((MUTANTS, cube.dimensions)) < 1 / cube.dimensions
    moved_SP[np.arange(MUTANTS), rng.integers(cube.dimensions, size=MUTANTS)] = True
    u_SP = np.stack([cube.coordinates(parent) for parent in parents])[chosen]
    # Truncated, so that no mass gathers at the ends of a range.
    low_SP, high_SP = -u_SP / MUTATION_SCALE, (1 - u_SP) / MUTATION_SCALE
    u_SP += truncnorm.rvs(low_SP, high_SP, scale=MUTATION_SCALE, random_state=rng)
    mutants = []
    for row, parent in enumerate(chosen.tolist()):
        moved = {
            cube.names[index]: cube.value(cube.names[index], u_SP[row, index])
            for index in np.flatnonzero(moved_SP[row]).tolist()
        }
        mutants.append({**parents[parent], **moved})
    return mutants
