"""Fronts over seeds: hypervolumes by hand, attainment by definition, missing runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.records.frames import Frames
from bench.statistics.fronts import REFERENCE, attainment, front_points, hypervolumes

# config_id, category, flops, params, validation (accuracy, ece), test (accuracy, ece) of each seed.
Row = tuple[str, str, float, float, tuple[float, float], list[tuple[float, float]]]


def frames(rows: list[Row], n_seeds: int = 1) -> Frames:
    found: list[dict[str, Any]] = []
    for config_id, category, flops, params, val, tests in rows:
        assert len(tests) <= n_seeds
        for seed, test in enumerate(tests):
            shared = {
                "dataset": "digits", "task": "classification", "config_id": config_id,
                "category": category, "seed": seed, "flops": flops, "params": params,
            }  # fmt: skip
            for split, (accuracy, ece) in (("val", val), ("test", test)):
                found.append({**shared, "split": split, "accuracy": accuracy, "ece": ece})
    return Frames(runs=pd.DataFrame(found), depth=pd.DataFrame(), failures=pd.DataFrame())


def volumes(study: Frames) -> dict[tuple[str, int], float]:
    table = hypervolumes(study)
    assert set(table["dataset"]) == {"digits"}
    return {(r["category"], r["seed"]): r["hypervolume"] for r in table.to_dict("records")}


def test_hypervolume_by_hand() -> None:
    # Scaled costs (accuracy, ece, log flops, log params): A = (0, 0, 1, 1), B = (1, 1, 0, 0),
    # and C, on the front of A's category, (.5, 1, .5, 1).
    study = frames(
        [
            ("a", "A", 1e4, 1e4, (0.9, 0.1), [(0.9, 0.1)]),
            ("c", "A", 1e3, 1e4, (0.8, 0.3), [(0.8, 0.3)]),
            ("b", "B", 1e2, 1e2, (0.7, 0.3), [(0.7, 0.3)]),
        ]
    )
    r = REFERENCE
    one = r * r * (r - 1) ** 2  # a box from (0, 0, 1, 1) to the reference
    # c's box is (r - .5)(r - 1)(r - .5)(r - 1); it shares (r - .5)(r - 1)(r - 1)(r - 1) with a's.
    more = (r - 0.5) * (r - 1) ** 2 * ((r - 0.5) - (r - 1))
    expected = {("A", 0): (one + more) / r**4, ("B", 0): one / r**4}
    assert volumes(study) == pytest.approx(expected, rel=1e-9)


def test_the_best_on_everything_has_the_whole_volume() -> None:
    study = frames(
        [
            ("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1)]),
            ("b", "B", 20, 20, (0.5, 0.5), [(0.5, 0.5)]),
        ]
    )
    assert volumes(study) == pytest.approx({("A", 0): 1, ("B", 0): (1 - 1 / REFERENCE) ** 4})


def test_an_objective_on_which_all_are_equal_is_left_out() -> None:
    study = frames(
        [
            ("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1)]),
            ("b", "B", 20, 10, (0.9, 0.1), [(0.9, 0.1)]),
        ]
    )
    assert volumes(study) == pytest.approx({("A", 0): 1, ("B", 0): 1 - 1 / REFERENCE})
    alone = frames([("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1)])])
    assert volumes(alone) == {("A", 0): 1}


def test_validation_chooses_and_test_is_shown() -> None:
    # On validation b is dominated by a; on test it would be better. Categories do not compete.
    study = frames(
        [
            ("a", "A", 10, 10, (0.9, 0.1), [(0.6, 0.4)]),
            ("b", "A", 10, 10, (0.8, 0.2), [(0.9, 0.1)]),
            ("w", "W", 99, 99, (0.1, 0.9), [(0.1, 0.9)]),
        ]
    )
    points = front_points(study.runs)
    assert list(points["config_id"]) == ["a", "w"]
    assert list(points["accuracy"]) == [0.6, 0.1]


def test_a_configuration_without_a_seed_is_on_no_front() -> None:
    study = frames(
        [
            ("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1), (0.9, 0.1)]),
            ("c", "A", 5, 5, (0.8, 0.2), [(0.8, 0.2)]),
            ("b", "B", 20, 20, (0.5, 0.5), [(0.5, 0.5), (0.4, 0.6)]),
        ],
        n_seeds=2,
    )
    assert set(front_points(study.runs)["config_id"]) == {"a", "b"}
    assert all(math.isfinite(volume) for volume in volumes(study).values())


def test_a_missing_value_of_the_front_leaves_no_volume_in_its_seed() -> None:
    rows: list[Row] = [
        ("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1), (0.9, math.nan)]),
        ("b", "B", 20, 20, (0.5, 0.5), [(0.5, 0.5), (0.4, 0.6)]),
    ]
    found = volumes(frames(rows, n_seeds=2))
    assert math.isnan(found["A", 1])
    assert all(math.isfinite(found[key]) for key in (("A", 0), ("B", 0), ("B", 1)))


def attained_in(study: Frames, category: str, x: float, y: float) -> int:
    """In how many seeds a point of the front is no worse than (x, y): by definition."""
    points = front_points(study.runs)
    points = points[points["category"] == category]
    reaching = points[(points["flops"] <= x) & (points["accuracy"] >= y)]
    return int(reaching["seed"].nunique())


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 4, 5])
def test_attainment_by_definition(n_seeds: int) -> None:
    rng = np.random.default_rng(n_seeds)
    rows: list[Row] = [
        (f"c{i}", "A", 10.0 * (i + 1), 1.0, (0.5 + i / 10, 0.1),
         [(float(a), 0.1) for a in rng.uniform(0.3, 0.9, size=n_seeds)])
        for i in range(4)
    ]  # fmt: skip
    study = frames(rows, n_seeds)
    table = attainment(study, "digits", ("flops", "accuracy"))
    assert list(table["level"].unique()) == ["best", "median", "worst"]
    needed = {"best": 1, "median": math.ceil(n_seeds / 2), "worst": n_seeds}
    for level, corners in table.groupby("level"):
        assert corners["x"].is_monotonic_increasing
        for x, y in corners[["x", "y"]].to_numpy():
            assert attained_in(study, "A", x, y) >= needed[str(level)]
            # A corner: a bit better in either coordinate is not attained.
            assert attained_in(study, "A", x - 1e-6, y) < needed[str(level)]
            assert attained_in(study, "A", x, y + 1e-6) < needed[str(level)]


def test_unknown_names_are_refused() -> None:
    study = frames([("a", "A", 10, 10, (0.9, 0.1), [(0.9, 0.1)])])
    with pytest.raises(ValueError, match="dataset is 'blood'; choose one of digits"):
        attainment(study, "blood")
    with pytest.raises(ValueError, match="metric key is 'speed'"):
        attainment(study, "digits", ("flops", "speed"))
