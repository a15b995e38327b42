"""Measured objectives: taken once, beside the record, and never while something else runs."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import optuna
import pytest
from made_records import finished
from optuna.trial import TrialState

from bench.errors import UserError
from bench.records import measurements
from bench.records.costs import COSTS
from bench.records.store import Store, search_folder
from bench.runs.config import RunConfig
from bench.runs.execute import RunStatus
from bench.runs.settings import SweepSettings
from bench.search import timed
from bench.search.history import OTHER_COSTS, History, open_history
from bench.search.objectives import Bounds, Objective, costs_of, objectives_for, values_of
from bench.search.selection import contenders
from bench.search.timed import check_alone, run_timed
from bench.search.trials import Plan
from search.closed_form import ClosedFormEngine, a_store, plan_of, points, searched

OBJECTIVES = (
    Objective(key="accuracy", direction="maximize"),
    Objective(key="eager_latency_ms", direction="minimize", is_cost=True),
)
DIRECTIONS = [objective.direction for objective in OBJECTIVES]


def a_measurement(run_id: str, ms: float, cpu: str = "Abacus") -> measurements.Measurement:
    return {
        "run_id": run_id, "machine": {"cpu": cpu}, "network": {},
        "timings": {"eager": {"latency_ms": [ms, ms, ms], "image_ms": [ms / 4, None, None]}},
    }  # fmt: skip


def test_costs_are_read_in_one_order() -> None:
    assert costs_of("eager_image_ms,params,flops,params") == ("flops", "params", "eager_image_ms")
    assert set(measurements.AT_ONCE) <= set(measurements.MEASURES)
    keys = [one.key for one in objectives_for("regression", ("eager_latency_ms",))]
    assert keys == ["mse", "nll", "coverage_error", "eager_latency_ms"]


@pytest.mark.parametrize("text", ["onnx_mib", "flops,time", "", ","])
def test_what_a_search_can_not_minimise(text: str) -> None:
    with pytest.raises(UserError, match=r"choose from flops, params, paper_flops, paper_params"):
        costs_of(text)


@pytest.mark.parametrize(("workers", "scheduler"), [(2, None), (None, "tcp://here:1")])
def test_nothing_else_may_run(workers: int | None, scheduler: str | None) -> None:
    with pytest.raises(UserError, match=r"with --costs eager_image_ms: .* pass --workers 1"):
        check_alone(("flops", "eager_image_ms"), workers, scheduler)
    check_alone(COSTS, workers, scheduler)
    for alone in (None, 0, 1):
        check_alone(("eager_image_ms",), alone, None)


def test_measured_values_stand_with_the_others() -> None:
    record = finished({"metrics": {"val": {"accuracy": 0.9}}})
    assert values_of(record, OBJECTIVES, {"eager_latency_ms": 3.0}) == (0.9, 3.0)
    assert values_of(record, OBJECTIVES) is None


class TimedEngine(ClosedFormEngine):
    """Its times are 1, 2, 3, ... ms in the order of measuring; some cannot be measured."""

    measured = 0
    unmeasurable: Callable[[RunConfig], bool] = staticmethod(lambda _: False)

    def submit(self, config: RunConfig, *, wait_for_others: bool = True) -> Future[RunStatus]:
        done = super().submit(config)
        if measurements.load(self.store.root, config.run_id) is not None:
            return done
        if self.unmeasurable(config):
            future: Future[RunStatus] = Future()
            reason = RunStatus(run_id=config.run_id, status="done", unmeasured="E: too wide")
            future.set_result(reason)
            return future
        TimedEngine.measured += 1
        measurements.save(
            self.store.root, a_measurement(config.run_id, float(TimedEngine.measured))
        )
        return done


def timed_plan(n_trials: int) -> Plan:
    return Plan(**{**vars(plan_of(n_trials, sampler="tpe")), "objectives": OBJECTIVES})


def in_memory() -> History:
    return History(optuna.create_study(directions=DIRECTIONS))


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    TimedEngine.measured = 0


def test_an_interrupted_search_goes_on_from_the_times_it_has_seen(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with open_history(store.root, "a", directions=DIRECTIONS, storage=None, facts={}) as history:
        with pytest.raises(KeyboardInterrupt):
            searched(timed_plan(18), TimedEngine(store, stop_after=15), history)
        before = points(history.trials())
        assert 0 < len(before) < 15, "some trials were measured and are not in the journal yet"
    with open_history(store.root, "a", directions=DIRECTIONS, storage=None, facts={}) as history:
        found = searched(timed_plan(18), TimedEngine(store), history)
    assert points(found)[: len(before)] == before
    assert [one.values[1] for one in found] == [float(n) for n in range(1, 19)]
    assert TimedEngine.measured == 18


def test_costs_that_are_no_objectives_stand_beside_the_values(tmp_path: Path) -> None:
    plan = timed_plan(10)
    found = searched(plan, TimedEngine(a_store(tmp_path)), in_memory())
    for one in found:
        width = plan.space.config(one.params, seed=0).backbone_settings.width
        k = one.params["sae.n_exits"]
        assert one.user_attrs[OTHER_COSTS]["flops"] == width**2 * k
    # The front is that of the objectives; a bound reads the cost beside them.
    front = contenders(found, OBJECTIVES, Bounds(), most=99)
    best = max(one.values[0] for one in found)
    assert [one.values[0] for one in front][-1] == best
    assert found[0] in front, "the fastest"
    dearest = max(one.user_attrs[OTHER_COSTS]["flops"] for one in front)
    within = contenders(found, OBJECTIVES, Bounds(flops=dearest - 1), most=99)
    assert all(one.user_attrs[OTHER_COSTS]["flops"] < dearest for one in within)


def test_what_could_not_be_measured_is_a_failed_trial(tmp_path: Path) -> None:
    engine = TimedEngine(a_store(tmp_path))
    engine.unmeasurable = lambda config: config.settings.as_dict()["n_inputs"] == 2
    found = searched(timed_plan(10), engine, in_memory())
    failed = [one for one in found if one.state == TrialState.FAIL]
    assert failed
    assert {one.params["sae.n_inputs"] for one in failed} == {2}
    assert {one.user_attrs["failed"] for one in failed} == {"not measured: E: too wide"}


CONFIG = RunConfig.from_dict(
    {
        "dataset": "digits",
        "method": {"name": "mc_dropout", "settings": {}},
        "backbone": {"name": "fc", "settings": {"width": 4, "depth": 1}},
        "training": {"epochs": 1},
        "seed": 0,
    }
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> SweepSettings:
    return SweepSettings(
        results=tmp_path_factory.mktemp("r"), data=None, device="cpu", stage="search"
    )


def run(context: SweepSettings) -> RunStatus:
    return run_timed(CONFIG, context, wait_for_others=True)


def test_a_run_is_measured_beside_its_record_and_once(
    context: SweepSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(search_folder(context.results))
    assert run(context) == RunStatus(run_id=CONFIG.run_id, status="done")
    record = (store.folder(CONFIG.run_id) / "record.json").read_bytes()
    found = measurements.load(store.root, CONFIG.run_id)
    assert found is not None
    values = measurements.measured_values(store.root, CONFIG.run_id)
    assert values is not None
    assert set(values) == set(measurements.AT_ONCE)

    def never(*_: Any) -> None:
        raise AssertionError("measured again")

    with monkeypatch.context() as patch:
        patch.setattr(timed, "_measure", never)
        run(context)
    # Another machine's times are none of this one's; the record stays as it is.
    elsewhere = {**found, "machine": {**found["machine"], "cpu": "Difference Engine"}}
    measurements.save(store.root, elsewhere)
    run(context)
    again = measurements.load(store.root, CONFIG.run_id)
    assert again is not None
    assert again["machine"]["cpu"] == found["machine"]["cpu"]
    assert (store.folder(CONFIG.run_id) / "record.json").read_bytes() == record
    assert "measured" not in json.loads(record)


def test_what_can_not_be_measured_is_said_and_a_users_error_is_raised(
    context: SweepSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(context)
    store = Store(search_folder(context.results))
    (measurements.folder(store.root) / f"{CONFIG.run_id}.json").unlink()

    def raises(error: Exception) -> Callable[..., None]:
        def measure(*_: Any) -> None:
            raise error

        return measure

    monkeypatch.setattr(timed, "_measure", raises(RuntimeError("no such kernel")))
    assert run(context).unmeasured == "RuntimeError: no such kernel"
    monkeypatch.setattr(timed, "_measure", raises(UserError("disk full")))
    with pytest.raises(UserError, match="disk full"):
        run(context)
