"""The command line and a cluster: what is said, and what is passed on."""

from typing import Any

import pytest
import torch

from bench.compare import main
from bench.runs import sweep
from bench.runs.execute import RunStatus


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What ``execute`` is called with; nothing is run."""
    calls = []

    def spy(configs: Any, context: Any, **options: Any) -> Any:
        calls.append({**options, "device": context.device})
        return (RunStatus(run_id=config.run_id, status="done") for config in configs)

    monkeypatch.setattr(sweep, "execute", spy)
    monkeypatch.setattr(sweep, "_prepare_corruptions", lambda *_: None)
    return calls


def compare(results: Any, *arguments: str) -> int:
    return main(["--preset", "smoke", "--results", str(results), *arguments])


def test_a_schedulers_address_is_passed_on(results: Any, executed: list[dict[str, Any]]) -> None:
    assert compare(results, "--scheduler", "tcp://there:1") == 0
    assert executed[0]["scheduler"] == "tcp://there:1"


def test_the_device_is_not_looked_for_here(
    results: Any, executed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "empty", lambda *_, **__: pytest.fail("it looked"))
    compare(results, "--scheduler", "tcp://there:1", "--device", "cuda")
    assert executed[0]["device"] == "cuda"


def test_by_default_there_is_a_worker_a_core(
    results: Any, executed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 11)
    compare(results, "--device", "cpu")
    compare(results, "--device", "cpu", "--workers", "0")
    assert [(call["workers"], call["scheduler"]) for call in executed] == [(11, None), (0, None)]


def test_workers_and_a_scheduler_exclude_each_other(
    results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(results, "--scheduler", "tcp://there:1", "--workers", "2") == 2
    assert capsys.readouterr().err == (
        "error: --workers and --scheduler exclude each other: the scheduler has workers\n"
    )


def test_an_address_that_is_none_is_said_in_one_line(
    results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--scheduler", "nonsense", "--methods", "standard", "--set", "epochs=1"]
    assert compare(results, *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: --scheduler nonsense: no Dask scheduler answers there within ")
