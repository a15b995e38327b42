"""Two corruptions instead of all, computed once; the rest of a run is as it is."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.compare import main
from bench.records.schema import FileName, FinishedRun, Record
from bench.records.store import Store
from bench.runs import run as run_module
from bench.runs.config import RunConfig
from bench.runs.execute import prepare_process
from bench.runs.run import run_one
from bench.runs.settings import SweepSettings
from bench.shift import table as corruptions
from runs.stored_files import FILES, a_record
from runs.tiny_runs import FEW_CORRUPTIONS, TINY, Cli, Run, config


@pytest.fixture(autouse=True)
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", few)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def results(tmp_path: Path, cache: Path) -> Path:
    """A results folder that shares the corrupted images with the other tests."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / ".cache").symlink_to(cache)
    return folder


@pytest.fixture
def context(results: Path) -> SweepSettings:
    return SweepSettings(results=results, data=None, device="cpu")


@pytest.fixture
def store(results: Path) -> Store:
    return Store(results)


@pytest.fixture(scope="session")
def run(cache: Path) -> Run:
    """Run a tiny configuration (see ``tiny_runs.config``); the same one is run only once."""
    known: dict[str, tuple[FinishedRun, dict[FileName, bytes]]] = {}
    # Fake workers are threads, and PyTorch's random stream is one a process.
    one_at_a_time = threading.Lock()

    def run(method: str = "standard", **options: Any) -> tuple[FinishedRun, dict[FileName, bytes]]:
        chosen = config(method, **options)
        with one_at_a_time:
            if chosen.run_id not in known:
                prepare_process()  # each time: it is bound to the thread
                record, files = run_one(chosen, data=None, cache=cache, device=torch.device("cpu"))
                known[chosen.run_id] = record, files
        return known[chosen.run_id]

    return run


@pytest.fixture
def saved(store: Store) -> Record:
    return store.save(a_record(), FILES)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run ids of what is trained."""
    seen: list[str] = []

    def spy(chosen: RunConfig, **options: Any) -> Any:
        seen.append(chosen.run_id)
        return run_one(chosen, **options)

    monkeypatch.setattr(run_module, "run_one", spy)
    return seen


@pytest.fixture
def cli(
    results: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    trained: list[str],
) -> Cli:
    """Exit code, stdout, and stderr with the log, of a tiny comparison in this process."""

    def call(*arguments: str, methods: str = "standard") -> tuple[int, str, str]:
        defaults = [*TINY, "--results", str(results), "--workers", "0", "--methods", methods]
        code = main([*defaults, *arguments])
        out, err = capsys.readouterr()
        log = "".join(f"{message}\n" for message in caplog.messages)
        caplog.clear()
        return code, out, log + err

    return call
