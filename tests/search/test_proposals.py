"""Proposals of every sampler: pure, feasible, at home in any history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.errors import UserError
from bench.search import proposals
from bench.search.design import first_design
from bench.search.proposals import propose
from bench.search.samplers import POPULATION_SIZE, SAMPLERS
from bench.search.space import Params
from search.spaces import MIXED, SMALL, contained, exits_fit, keys, objectives, trial

TWO: Any = ("minimize", "maximize")
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


def some_history(count: int, n_objectives: int = 2) -> list[FrozenTrial]:
    points = first_design(MIXED, (), n=count, seed=1)
    return [trial(point, objectives(point, n_objectives)) for point in points]


def histories() -> Mapping[str, list[FrozenTrial]]:
    complete = some_history(5)
    pending = [trial(t.params, state=TrialState.RUNNING) for t in some_history(3)]
    failed = [trial(t.params, state=TrialState.FAIL) for t in some_history(4)]
    return {
        "nothing": [],
        "one": complete[:1],
        "pending alone": pending,
        "failed alone": failed,
        "all equal": [trial(t.params, [1.0, 2.0]) for t in complete],
        "one objective constant": [trial(t.params, [t.values[0], 2.0]) for t in complete],
        "duplicates": complete * 3,
        "all states": [*complete, *failed, *pending],
        "a generation": some_history(POPULATION_SIZE + 4),
    }


@every_sampler
@pytest.mark.parametrize("name", histories())
def test_any_history_gets_feasible_points_of_the_space(sampler: str, name: str) -> None:
    points = propose(sampler, MIXED, TWO, histories()[name], n=3, seed=0, feasible=exits_fit)
    assert len(points) == 3
    assert all(contained(point, MIXED) for point in points)
    assert all(map(exits_fit, points))


@every_sampler
def test_arguments_alone_decide(sampler: str) -> None:
    def call(seed: int) -> list[dict[str, Any]]:
        return propose(sampler, MIXED, TWO, some_history(20), n=3, seed=seed)

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global stream is what this is about
    first = call(2**62 + 1)
    before = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert call(2**62 + 1) == first
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    call(5)
    after = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert str(before[1]) == str(after[1])
    # Seeds that differ in their high bits alone are different seeds too.
    assert (call(1) == first) == (sampler == "grid")


@every_sampler
def test_the_history_and_the_log_level_are_left_alone(sampler: str) -> None:
    history = some_history(4)
    verbosity = optuna.logging.get_verbosity()
    before = str(history)
    propose(sampler, MIXED, TWO, history, n=1, seed=0)
    assert str(history) == before
    assert optuna.logging.get_verbosity() == verbosity


@every_sampler
def test_one_trial_of_one_value_each(sampler: str) -> None:
    space = {"k": IntDistribution(3, 3), "c": CategoricalDistribution(("a",))}
    history = [] if sampler == "grid" else [trial({"k": 3, "c": "a"}, [1, 2], distributions=space)]
    assert propose(sampler, space, TWO, history, n=1, seed=0) == [{"k": 3, "c": "a"}]


@pytest.mark.parametrize("directions", [["minimize"], TWO, ["minimize"] * 5])
def test_bayes_repeats_nothing_while_something_is_left(directions: Any) -> None:
    state = {("a", 1): TrialState.COMPLETE, ("b", 2): TrialState.COMPLETE,
             ("a", 2): TrialState.RUNNING, ("b", 1): TrialState.FAIL}  # fmt: skip
    history = [
        trial(
            {"k": k, "c": c},
            [float(k + i) for i in range(len(directions))] if s == TrialState.COMPLETE else None,
            state=s,
            distributions=SMALL,
        )
        for (c, k), s in state.items()
    ]
    points = propose("botorch", SMALL, directions, history, n=2, seed=0)
    assert sorted(keys(points)) == [(("c", "a"), ("k", 3)), (("c", "b"), ("k", 3))]
    # With all of them known it goes on, and then a failed point is the last choice.
    assert len(propose("botorch", SMALL, directions, history, n=8, seed=0)) == 8


def test_points_of_a_batch_differ() -> None:
    points = propose("botorch", MIXED, ["minimize"] * 7, some_history(20, 7), n=8, seed=0)
    assert len(set(keys(points))) == 8


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("sampler", ["botorch"])
def test_bayes_finds_the_optimum_of_a_parabola(sampler: str, direction: Any) -> None:
    space = {"x": FloatDistribution(0, 1), "k": IntDistribution(0, 8)}
    sign = 1 if direction == "minimize" else -1

    def value(params: Params) -> float:
        return sign * ((float(params["x"]) - 0.7) ** 2 + (float(params["k"]) / 8 - 0.25) ** 2)

    history = [
        trial(point, [value(point)], distributions=space)
        for point in first_design(space, (), n=12, seed=0)
    ]
    points = propose(sampler, space, [direction], history, n=3, seed=0)
    best = min(points, key=lambda point: sign * value(point))
    assert best["k"] == 2
    assert best["x"] == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("n_objectives", [2, 4])
def test_bayes_looks_on_the_front(n_objectives: int) -> None:
    # Every point of the front has x in [0, 1], a fifth of the range.
    space = {"x": FloatDistribution(-2, 3)}
    targets = np.linspace(0, 1, n_objectives)
    history = [
        trial(point, [(point["x"] - t) ** 2 for t in targets], distributions=space)
        for point in first_design(space, (), n=8, seed=0)
    ]
    points = propose("botorch", space, ["minimize"] * n_objectives, history, n=5, seed=0)
    assert sum(-0.1 <= point["x"] <= 1.1 for point in points) >= 4


def test_children_of_nsgaii_come_from_the_best_of_the_generations_before() -> None:
    space = {f"x{index}": FloatDistribution(0, 1) for index in range(10)}
    points = first_design(space, (), n=2 * POPULATION_SIZE, seed=0)
    good = points[POPULATION_SIZE:]
    history = [
        trial(point, [0.0, 0.0] if point in good else [1.0, -1.0], distributions=space)
        for point in points
    ]
    children = propose("nsgaii", space, TWO, history, n=6, seed=0)
    values = [value for point in children for value in point.values()]
    inherited = {value for point in good for value in point.values()}
    # One of ten values mutates; all points of a first generation would be random ones.
    assert sum(value in inherited for value in values) > 0.75 * len(values)
    assert not {v for point in points[:POPULATION_SIZE] for v in point.values()} & set(values)

    random = propose("nsgaii", space, TWO, history[: POPULATION_SIZE - 1], n=6, seed=0)
    assert not {v for point in points for v in point.values()} & {
        v for point in random for v in point.values()
    }


@pytest.mark.parametrize("values", [3, 1000])  # of which one is feasible
def test_points_of_a_batch_are_pending_for_the_next(
    monkeypatch: pytest.MonkeyPatch, values: int
) -> None:
    pending: list[int] = []

    class Recorder(RandomSampler):
        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            running = study.get_trials(states=(TrialState.RUNNING,))
            pending.append(sum(one.number != trial.number for one in running))

    monkeypatch.setattr(proposals, "make_sampler", lambda *_: Recorder(seed=0))
    space = {"k": IntDistribution(1, values)}
    points = propose(
        "random", space, TWO, [], n=3, seed=0, feasible=lambda params: params["k"] == 2
    )
    assert points == [{"k": 2}] * 3
    assert sorted(set(pending)) == [0, 1, 2]
    assert (len(pending) == 3 * proposals.MISSES) == (values == 1000)


@pytest.mark.parametrize("sampler", ["botorch", "tpe", "nsgaii", "random"])
def test_a_needle_is_found_by_random_draws(sampler: str) -> None:
    def needle(params: Params) -> bool:
        return params["k"] == 77

    space = {"k": IntDistribution(1, 1000), "x": FloatDistribution(0, 1)}
    points = propose(sampler, space, ["minimize"], [], n=2, seed=0, feasible=needle)
    assert [point["k"] for point in points] == [77, 77]
    assert points[0]["x"] != points[1]["x"]


@pytest.mark.parametrize("sampler", ["botorch", "tpe", "nsgaii", "random"])
def test_nothing_feasible_names_the_rule(sampler: str) -> None:
    def below_the_bound(_params: Params) -> bool:
        return False

    with pytest.raises(UserError, match=r"none of 10,000 .* 'below_the_bound'"):
        propose(sampler, SMALL, ["minimize"], [], n=1, seed=0, feasible=below_the_bound)


def test_an_unknown_sampler_is_told_the_choices() -> None:
    with pytest.raises(UserError, match="'cmaes' is unknown; choose one of botorch, tpe"):
        propose("cmaes", SMALL, ["minimize"], [], n=1, seed=0)
