"""The first points of a search: even over its cells, and even along each parameter.

Letters: n points, P parameters.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution
from scipy.stats import qmc

from bench.search.rejection import Rule, everywhere, nothing_feasible, random_points, remembered
from bench.search.space import Params
from bench.search.unit_cube import Point, UnitCube, identity

_log = logging.getLogger(__name__)

# Where one point of a cell in 100 is feasible, all of them miss once in 23,000 times.
CELL_TRIES = 1_000
# A second point that equals one before it is drawn anew this often: small spaces have to repeat.
REPEATS = 100


def first_design(
    distributions: Mapping[str, BaseDistribution],
    cells: Sequence[Params],
    *,
    n: int,
    seed: int,
    feasible: Rule = everywhere,
) -> list[Point]:
    """Draw a stratified design.

    Each parameter that no cell fixes has one of its n equally probable strata in each point, and
    a point whose stratum is not feasible in a cell serves another cell. Only where none is left
    for a cell is one drawn at random.

    Args:
        distributions: what is varied.
        cells: values fixed in each cell; without one the whole space is a cell.
        n: how many points; min(n, cells) different cells are covered, and each cell gets
            floor(n / cells) points or one more.
        seed: of the order of the cells and of the points, any whole number >= 0.
        feasible: which points may be proposed. A cell without one is left out.

    Returns:
        n points, different ones where the space is large enough.
    """
    rng = np.random.default_rng(seed)
    rule = remembered(feasible)
    every_cell = list(cells) or [{}]
    order = [every_cell[index] for index in rng.permutation(len(every_cell))]
    cube = UnitCube(distributions)
    rows = [cube.point(u_P) for u_P in latinised_sobol(n, cube.dimensions, rng)]
    points: list[Point] = []
    taken: set[frozenset[tuple[str, object]]] = set()
    while order and len(points) < n:
        cell = order[0]
        point = _from_rows(rows, cell, rule, taken)
        if point is None:
            drawn = random_points(distributions, rule, rng, tries=CELL_TRIES, fixed=cell)
            point = _new(drawn, taken)
        if point is None:
            _log.warning("no feasible point found in the cell %s: it is left out", dict(cell))
            order.pop(0)
            continue
        order.append(order.pop(0))
        points.append(point)
        taken.add(identity(point))
    if n and not points:
        raise nothing_feasible(feasible, CELL_TRIES * len(every_cell))
    return points


def latinised_sobol(n: int, dimensions: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A scrambled Sobol sequence whose every coordinate has one point in each of n strata.

    Sobol points alone are even along an axis only where n is a power of two: ranks keep how they
    lie to each other and make each axis even for any n (a Latin hypercube).

    Returns:
        Coordinates of shape (n, P), in [0, 1).
    """
    if n == 0:
        return np.empty((0, dimensions))
    u_nP = qmc.Sobol(dimensions, rng=rng).random_base2(int(n - 1).bit_length())[:n]
    rank_nP = u_nP.argsort(axis=0).argsort(axis=0)
    return np.asarray((rank_nP + rng.random(u_nP.shape)) / n)


def _from_rows(
    rows: list[Point], cell: Params, rule: Rule, taken: set[frozenset[tuple[str, object]]]
) -> Point | None:
    """Take the first row that is feasible and new with the values of the cell, or None."""
    for index, row in enumerate(rows):
        point = {**row, **cell}
        if identity(point) not in taken and rule(point):
            del rows[index]
            return point
    return None


def _new(drawn: Iterable[Point], taken: set[frozenset[tuple[str, object]]]) -> Point | None:
    """The first point that is not taken; a taken one if many are, and None if there is none."""
    repeated = None
    for count, point in enumerate(drawn):
        if identity(point) not in taken:
            return point
        repeated = point
        if count >= REPEATS:
            break
    return repeated
