"""Which runs are measured, and what a measurement holds: with candidates that do nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import failed, made

from bench.deploy.latency import measuring
from bench.deploy.latency.__main__ import main
from bench.deploy.latency.measuring import Protocol, measure
from bench.deploy.latency.selection import chosen_records
from bench.errors import UserError
from bench.records.measurements import MEASURES, flat
from bench.records.store import Store

KEYS = ("format", "run_id", "config_id", "category", "label")


class Fake:
    """A candidate whose runtimes note how many images they were given."""

    run_id = "toy-s0"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.runs = {"eager": self._run, "onnx": self._run}
        self.folder = Path()

    def _run(self, n_images: int) -> None:
        self.seen.append(n_images)

    def call(self, runtime: str, n_images: int) -> Any:
        return lambda: self.runs[runtime](n_images)

    def images(self, n_images: int) -> Any:
        return np.zeros(n_images)

    def masks(self, runtime: str) -> None:
        return None

    def facts(self) -> dict[str, float]:
        return {"onnx_mib": 0.5}


def test_a_measurement_has_every_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "peak_mib", lambda *_: 3.0)
    monkeypatch.setattr(measuring, "meter", lambda: None)
    fake = Fake()
    (found,) = measure([fake], Protocol(rounds=9, batch=4))  # type: ignore[list-item]
    assert set(fake.seen) == {1, 4}
    assert set(found["timings"]) == {"eager", "onnx"}
    for by_kind in found["timings"].values():
        for median, low, high in by_kind.values():
            assert 0 < low <= median <= high
    assert found["memory_mib"] == {"pt2": 3.0, "onnx": 3.0}
    assert found["image_mj"] == {}, "no meter, no energy"
    assert found["machine"]["threads"] == 1
    numbers = set(flat(found)) - {"run_id", "machine"}
    assert {n.removesuffix("_low").removesuffix("_high") for n in numbers} <= set(MEASURES)


def test_energy_is_that_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Meter:
        def read(self) -> list[int]:
            return []

        def joules(self, before: object, after: object) -> float:
            return 6.0

    clock = iter(np.arange(0, 100, 0.4))
    monkeypatch.setattr("bench.deploy.latency.measuring.time.perf_counter", lambda: next(clock))
    fake = Fake()
    found = dict(measuring._energy(fake, Protocol(batch=4), Meter()))  # type: ignore[arg-type]
    # Two calls of 4 images begin within the second: 6 J / 8.
    assert found == {"eager": 750.0, "onnx": 750.0}


def a_store(root: Path) -> Store:
    store = Store(root)
    for config, seed, flops in (("a", 1, 5), ("a", 0, 5), ("a", 2, 7), ("b", 0, 5)):
        record = made({
            "config_id": config, "config": {"dataset": "toy", "seed": seed},
            "cost": {"flops": flops, "params": 1},
        })  # fmt: skip
        store.save(record, {})
    store.save(failed({"config_id": "c", "config": {"dataset": "toy"}}), {})
    return store


def ids(store: Store, *run_ids: str, dataset: str | None = None, **options: bool) -> list[str]:
    chosen = chosen_records(store, run_ids, dataset, **{"all_seeds": False, **options})
    return [record.run_id for record in chosen]


def test_the_first_seed_of_each_configuration_and_cost(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assert ids(store) == ["toy-standard-a-s0", "toy-standard-a-s2", "toy-standard-b-s0"]
    assert ids(store, all_seeds=True) == [
        "toy-standard-a-s0",
        "toy-standard-a-s1",
        "toy-standard-a-s2",
        "toy-standard-b-s0",
    ]
    assert ids(store, "toy-standard-b-s0", "toy-standard-a-s1", "toy-standard-b-s0") == [
        "toy-standard-b-s0",
        "toy-standard-a-s1",
    ]


def test_what_can_not_be_measured(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises(UserError, match=r"no finished runs of digits .* runs of toy"):
        ids(store, dataset="digits")
    with pytest.raises(UserError, match="run toy-standard-c-s0 failed"):
        ids(store, "toy-standard-c-s0")
    with pytest.raises(UserError, match="no run 'toy-x'"):
        ids(store, "toy-x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds 0: must be >= 1"),
        (["--batch", "-1"], "--batch -1: must be >= 1"),
        (["--results", "empty"], "empty: not a results folder"),
    ],
)
def test_bad_input_is_answered(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
