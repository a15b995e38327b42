"""The model, the acquisition functions and the state of a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from optuna.trial import FrozenTrial, TrialState

from bench.search import parego, surrogate
from bench.search.design import first_design
from bench.search.proposals import propose
from bench.search.surrogate import fit_model, model_rows
from search.spaces import MIXED, objectives, trial


def history(count: int, n_objectives: int, scale: float = 1.0) -> list[FrozenTrial]:
    points = first_design(MIXED, (), n=count, seed=0)
    return [
        trial(point, [scale * value for value in objectives(point, n_objectives)])
        for point in points
    ]


def counted(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return function(*arguments, **named)

    return wrapped


def test_a_model_sees_the_front_first_and_then_what_is_recent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surrogate, "MAX_ROWS", 4)
    # To be maximised: rows 0 and 3 are the front, row 5 equals row 3.
    values_NM = torch.tensor([[3.0, 0], [1, 1], [0, 0], [2, 2], [1, 0], [2, 2], [0, 1]])
    assert model_rows(values_NM).tolist() == [0, 3, 5, 6]
    assert model_rows(values_NM[:3]).tolist() == [0, 1, 2]
    monkeypatch.setattr(surrogate, "MAX_ROWS", 2)
    assert model_rows(values_NM).tolist() == [3, 5]


def test_a_model_predicts_each_objective_on_its_own_scale() -> None:
    x_NP = torch.linspace(0, 1, 12, dtype=torch.float64).unsqueeze(-1)
    y_NM = torch.cat([1e6 * x_NP**2, 1e-2 * torch.sin(6 * x_NP)], dim=-1)
    model = fit_model(x_NP, y_NM)
    at = torch.tensor([[0.45]], dtype=torch.float64)
    mean_M = model.posterior(at).mean.squeeze().tolist()
    assert mean_M[0] == pytest.approx(1e6 * 0.45**2, rel=0.05)
    assert mean_M[1] == pytest.approx(1e-2 * np.sin(6 * 0.45), rel=0.05)


def test_a_failed_fit_is_said_and_does_not_end_the_search(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from botorch.exceptions.errors import ModelFittingError

    def fail(*_: object, **__: object) -> None:
        raise ModelFittingError("no luck")

    monkeypatch.setattr(surrogate, "fit_gpytorch_mll", fail)
    with caplog.at_level(logging.WARNING):
        points = propose("botorch", MIXED, ["minimize"] * 4, history(6, 4), n=2, seed=0)
    assert len(points) == 2
    assert "no luck" in caplog.text


def test_the_scalarisation_is_the_augmented_chebyshev_one() -> None:
    from botorch.utils.sampling import sample_simplex

    y_NM = torch.tensor([[0.0, 10, 4], [1, 30, 2], [3, 20, 3]], dtype=torch.float64)
    model = fit_model(torch.rand(3, 2, dtype=torch.float64), y_NM)
    acquisition: Any = parego.scalarised_improvement(model, y_NM, None, seed=5)
    weights = np.asarray(sample_simplex(3, seed=5, dtype=torch.float64)[0])
    assert weights.sum() == pytest.approx(1)
    # Knowles 2006 with rho = 0.05, on losses that are 0 at the best trial and 1 at the worst.
    losses = ((y_NM.max(0).values - y_NM) / (y_NM.max(0).values - y_NM.min(0).values)).numpy()
    expected = -((weights * losses).max(1) + 0.05 * (weights * losses).sum(1))
    assert acquisition.best_f.item() == pytest.approx(expected.max())


def test_hypervolume_improvement_is_that_of_a_rectangle() -> None:
    x_NP = torch.linspace(0, 1, 9, dtype=torch.float64).unsqueeze(-1)
    y_NM = torch.cat([x_NP, x_NP], dim=-1)  # the best is (1, 1): at x = 1
    seen = x_NP[:, 0] < 0.7
    model = fit_model(x_NP, y_NM)
    front = y_NM[seen][-1:]
    acquisition = parego.hypervolume_improvement(model, x_NP[seen], front, None, seed=0)
    with torch.no_grad(), surrogate.quiet_numerics():
        gain = acquisition(torch.tensor([[[1.0]], [[0.625]], [[0.25]]], dtype=torch.float64))
    # The reference is 0.1 of the value below the only point of the front, 0.625.
    reference = 0.625 * 0.9
    expected = (1 - reference) ** 2 - (0.625 - reference) ** 2
    assert gain[0].item() == pytest.approx(expected, rel=0.1)
    assert gain[1:].max() < 0.01


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4, 7])
def test_a_batch_has_one_model_and_a_new_weighting_for_each_point(
    monkeypatch: pytest.MonkeyPatch, n_objectives: int
) -> None:
    fits: list[Any] = []
    weights: list[Any] = []
    hypervolumes: list[Any] = []
    for name, calls in {
        "fit_model": fits,
        "get_chebyshev_scalarization": weights,
        "hypervolume_improvement": hypervolumes,
    }.items():
        monkeypatch.setattr(parego, name, counted(vars(parego)[name], calls))
    directions: Any = ["minimize"] * n_objectives
    propose("botorch", MIXED, directions, history(8, n_objectives), n=3, seed=0)
    assert len(fits) == 1
    assert len(hypervolumes) == (3 if n_objectives in {2, 3} else 0)
    assert len(weights) == 3 - len(hypervolumes)
    if n_objectives > 3:
        drawn = np.stack([np.asarray(one[0]) for one in weights])
        assert drawn.shape == (3, n_objectives)
        assert drawn.sum(axis=1) == pytest.approx(1)
        assert len({tuple(row) for row in drawn.round(6)}) == 3


@pytest.mark.parametrize("n_objectives", [2, 5])
def test_units_do_not_matter(n_objectives: int) -> None:
    directions: Any = ["minimize"] * n_objectives
    # A power of two, which changes no digit.
    points = [
        propose("botorch", MIXED, directions, history(10, n_objectives, scale), n=2, seed=0)
        for scale in (1.0, 2.0**10)
    ]
    assert points[0] == points[1]


def test_the_rule_is_asked_about_few_points() -> None:
    asked = []

    def rule(params: Any) -> bool:
        asked.append(params)
        return bool(params["sae.n_inputs"] > 1)

    propose("botorch", MIXED, ["minimize"] * 4, history(10, 4), n=4, seed=0, feasible=rule)
    assert len(asked) < 100  # a pool has about 500


def test_a_constant_objective_changes_nothing() -> None:
    alone = history(8, 1)
    with_constant = [trial(one.params, [one.values[0], 7.0]) for one in alone]
    assert propose(
        "botorch", MIXED, ["minimize", "maximize"], with_constant, n=2, seed=0
    ) == propose("botorch", MIXED, ["minimize"], alone, n=2, seed=0)


@pytest.mark.parametrize("n_objectives", [2, 4])
def test_acquisition_functions_know_what_is_pending(
    monkeypatch: pytest.MonkeyPatch, n_objectives: int
) -> None:
    calls: list[Any] = []
    name = "hypervolume_improvement" if n_objectives == 2 else "scalarised_improvement"
    monkeypatch.setattr(parego, name, counted(vars(parego)[name], calls))
    running = trial(first_design(MIXED, (), n=1, seed=5)[0], state=TrialState.RUNNING)
    trials = [*history(8, n_objectives), running]
    directions: Any = ["minimize"] * n_objectives
    propose("botorch", MIXED, directions, trials[:-1], n=1, seed=0)
    propose("botorch", MIXED, directions, trials, n=3, seed=0)
    pending = [arguments[-2] for arguments in calls]
    assert pending[0] is None
    assert [len(one) for one in pending[1:]] == [1, 2, 3]
    assert torch.equal(pending[3][:2], pending[2])
