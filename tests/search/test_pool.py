"""The pool of points: what it holds, and what it leaves out."""

from __future__ import annotations

import numpy as np

from bench.search.pool import MUTANTS, SOBOL_EXPONENT, draw_pool
from bench.search.unit_cube import UnitCube
from search.spaces import MIXED, SMALL, contained, keys

FREE = {name: dist for name, dist in MIXED.items() if not dist.single()}


def test_points_are_different_and_in_the_space() -> None:
    pool = draw_pool(UnitCube(FREE), (), np.random.default_rng(0))
    assert len(pool) == 2**SOBOL_EXPONENT
    assert len(set(keys(pool))) == len(pool)
    assert all(contained(point, FREE) for point in pool)


def test_a_mutant_keeps_most_of_its_parent_to_the_bit() -> None:
    cube = UnitCube(FREE)
    parents = [cube.point(u_P) for u_P in np.random.default_rng(1).random((2, cube.dimensions))]
    pool = draw_pool(cube, parents, np.random.default_rng(0))
    mutants = pool[2**SOBOL_EXPONENT :]
    assert MUTANTS / 2 < len(mutants) <= MUTANTS
    kept = [
        max(sum(point[name] == parent[name] for name in FREE) for parent in parents)
        for point in mutants
    ]
    # One parameter moves for sure and each other one with probability 1/7.
    assert 4.5 < np.mean(kept) < 6
    floats = {point["train.rate"] for point in mutants}
    assert {parent["train.rate"] for parent in parents} < floats
    assert all(contained(point, FREE) for point in mutants)


def test_a_small_space_is_covered() -> None:
    pool = draw_pool(UnitCube(SMALL), [{"k": 1, "c": "a"}], np.random.default_rng(0))
    assert sorted(keys(pool)) == [(("c", c), ("k", k)) for c in "ab" for k in (1, 2, 3)]
