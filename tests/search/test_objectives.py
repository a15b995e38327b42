"""What a search optimises, and which of its trials are trained again."""

import math

import numpy as np
import pytest
from made_records import finished
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from bench.errors import UserError
from bench.records.schema import FinishedRun
from bench.search.history import trial
from bench.search.objectives import Bounds, Objective, for_model, objectives_for, values_of
from bench.search.selection import contenders, finalists, thinned


def record(**val: float | None) -> FinishedRun:
    metrics = {"accuracy": 0.9, "f1": 0.8, "nll": 0.3, "ece": 0.05, "cc_ece": 0.04, **val}
    return finished({"metrics": {"val": metrics}, "cost": {"flops": 1000, "params": 100}})


def test_classification_has_seven_objectives_and_regression_five() -> None:
    keys = [(one.key, one.direction) for one in objectives_for("classification")]
    assert keys == [
        ("accuracy", "maximize"), ("f1", "maximize"), ("nll", "minimize"), ("ece", "minimize"),
        ("cc_ece", "minimize"), ("flops", "minimize"), ("params", "minimize"),
    ]  # fmt: skip
    assert [one.key for one in objectives_for("regression")] == [
        "mse", "nll", "coverage_error", "flops", "params",
    ]  # fmt: skip


def test_values_are_those_of_validation_and_the_exact_costs() -> None:
    objectives = objectives_for("classification")
    assert values_of(record(), objectives) == (0.9, 0.8, 0.3, 0.05, 0.04, 1000.0, 100.0)
    assert for_model(values_of(record(), objectives) or (), objectives)[-2:] == [
        math.log(1000), math.log(100),
    ]  # fmt: skip


def test_records_without_a_test_split_are_enough() -> None:
    # Test data cannot reach what is not there to be read.
    assert record().metrics.test is None
    assert values_of(record(), ()) == ()


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_an_undefined_objective_is_no_value(value: float | None) -> None:
    assert values_of(record(nll=value), objectives_for("classification")) is None


OBJECTIVES = (
    Objective(key="accuracy", direction="maximize"),
    Objective(key="flops", direction="minimize", is_cost=True),
    Objective(key="params", direction="minimize", is_cost=True),
)


def ended(x: float, values: tuple[float, ...] | None) -> FrozenTrial:
    state = TrialState.FAIL if values is None else TrialState.COMPLETE
    return trial({"x": x}, {"x": FloatDistribution(0, 1)}, state, values)


def chosen(trials: list[FrozenTrial], **bounds: float) -> list[float]:
    return [one.params["x"] for one in contenders(trials, OBJECTIVES, Bounds(**bounds), most=99)]


def test_the_contenders_by_hand() -> None:
    trials = [
        ended(0.1, (0.9, 10, 5)),
        ended(0.2, (0.8, 10, 5)),  # beaten by the first
        ended(0.3, (0.8, 9, 5)),  # fewer FLOPs
        ended(0.4, None),
        ended(0.5, (0.95, 100, 5)),
        ended(0.1, (0.9, 10, 5)),  # the first point again: tested once
    ]
    assert chosen(trials) == [0.1, 0.3, 0.5]
    # What is above a bound neither stays nor beats another one.
    assert chosen([*trials, ended(0.6, (0.99, 11, 6))], flops=10) == [0.1, 0.3]
    assert chosen([*trials, ended(0.6, (0.99, 8, 6))], params=5) == [0.1, 0.3, 0.5]
    assert chosen([ended(0.4, None)]) == []


def test_finalists_by_hand() -> None:
    # Half the differences of the accuracies are .01: boxes of .01.
    first = [(0.90, 10.0, 5.0), (0.932, 10.0, 5.0), (0.94, 10.1, 5.0), (0.80, 1.0, 5.0)]
    second = [(0.92, 10.0, 5.0), (0.952, 10.0, 5.0), (0.92, 10.1, 5.0), (0.82, 1.0, 5.0)]
    # Means .91, .942, .93, .81: the first and third are beaten, a tenth of the cost stays.
    assert finalists(first, second, OBJECTIVES, most=9) == [1, 3]
    assert finalists(first, second, OBJECTIVES, most=1) in ([1], [3])
    assert finalists([], [], OBJECTIVES, most=3) == []


@pytest.mark.parametrize("seed", range(20))
def test_thinned_rows_are_few_and_no_row_is_far_better_than_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values_RO, most = rng.random((int(rng.integers(1, 40)), 3)), int(rng.integers(1, 8))
    kept = thinned(values_RO, np.full(3, 0.1), len(values_RO))
    assert kept == sorted(set(kept))
    # Epsilon-dominance: every row is, within a box, matched or beaten by one that is kept.
    for row in values_RO:
        assert any((values_RO[index] <= row + 0.1).all() for index in kept)
    assert 1 <= len(thinned(values_RO, np.full(3, 0.1), most)) <= most


def test_bounds() -> None:
    assert not Bounds()
    assert Bounds(flops=10).hold(10, 1e9)
    assert not Bounds(flops=10).hold(11, 1)
    assert not Bounds(flops=10, params=2).hold(10, 3)
    with pytest.raises(UserError, match=r"--max-params 0: must be above 0"):
        Bounds(params=0)
