"""The command line: its table, exit codes, and no work done twice. In this process."""

import re
from pathlib import Path

import pandas as pd
import pytest
from narrowed import done

from bench.records.schema import Record
from bench.records.store import Store
from bench.runs.run import failure
from runs.tiny_runs import Cli, Run, config


def test_a_comparison_prints_and_writes_its_table(
    cli: Cli, results: Path, trained: list[str]
) -> None:
    code, out, err = cli(methods="standard,ensemble")
    assert code == 0
    assert len(trained) == 2
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert rows == ["Method", "Standard NN", "NN Ensemble"]
    assert "## digits (2 configurations, 2 runs)" in out
    assert f"2 runs, 0 of them already in {results}" in err
    assert (results / "summary.md").read_text() in out
    summary = pd.read_csv(results / "summary.csv")
    assert set(summary["run_id"]) == set(trained)
    assert set(summary["split"]) == {"val", "test", "ood", "corruption"}


def test_later_calls_train_what_is_missing_or_damaged_and_show_what_they_ask_for(
    cli: Cli, results: Path, trained: list[str]
) -> None:
    first = cli(methods="ensemble")
    trained.clear()
    second = cli(methods="ensemble")
    assert trained == []
    assert second[:2] == first[:2]
    assert "1 runs, 1 of them already in" in second[2]

    _, out, _ = cli()
    assert "| Standard NN" in out
    assert "| NN Ensemble" not in out
    assert set(pd.read_csv(results / "summary.csv")["category"]) == {"NN Ensemble", "Standard NN"}

    trained.clear()
    code, out, err = cli("--seeds", "0,1")
    assert (code, trained) == (0, [config(seed=1).run_id])
    assert "2 runs, 1 of them already in" in err
    assert "(1 configurations, 2 runs)" in out

    (results / "runs" / config().run_id / "weights.safetensors").unlink()
    trained.clear()
    assert cli()[0] == 0
    assert trained == [config().run_id]


def test_a_run_that_diverges_is_listed_and_the_others_are_done(
    cli: Cli, results: Path, trained: list[str]
) -> None:
    code, out, err = cli("--set", "learning_rate=0.001,1e30", "--set", "epochs=2")
    assert code == 1
    assert len(trained) == 2
    assert "(1 configurations, 1 runs)" in out
    (record,) = [r for r in Store(results).records() if r.status == "failed"]
    assert record.config.training["learning_rate"] == 1e30
    assert record.error.type == "TrainingDiverged"
    assert re.fullmatch(r"the training loss became \S+ in epoch [01]", record.error.message)
    assert f"failed {record.run_id} ({record.label}): TrainingDiverged: the training loss" in out
    assert f"failed: {record.run_id}" in err
    # It is neither forgotten nor tried again.
    trained.clear()
    code, again, _ = cli("--set", "learning_rate=0.001,1e30", "--set", "epochs=2")
    assert (code, trained) == (1, [])
    assert again == out


def test_a_recorded_failure_is_tried_again_only_if_asked(
    cli: Cli, results: Path, trained: list[str]
) -> None:
    Store(results).save(failure(config(), ZeroDivisionError("no luck")), {})
    code, out, _ = cli()
    assert (code, trained) == (1, [])
    # Where every run has failed there is the list alone.
    assert out.startswith(f"\nfailed {config().run_id} ")
    assert "ZeroDivisionError: no luck" in out
    assert "|" not in out
    code, out, _ = cli("--retry-failed")
    assert (code, trained) == (0, [config().run_id])
    assert "no luck" not in out


@pytest.mark.parametrize("other", ["removed it", "finished it"])
def test_a_failure_that_another_process_tries_again_at_the_same_time(
    cli: Cli, results: Path, run: Run, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    store = Store(results)
    store.save(failure(config(), ZeroDivisionError("no luck")), {})
    load, pending = Store.load, [True]

    def load_then_lose(self: Store, run_id: str) -> Record | None:
        record = load(self, run_id)
        if pending:  # between this look and the lock the other process has been at work
            pending.clear()
            self.remove(run_id)
            if other == "finished it":
                self.save(*run())
        return record

    monkeypatch.setattr(Store, "load", load_then_lose)
    code, _, err = cli("--retry-failed")
    assert code == 0, err
    record = done(store.load(config().run_id))
    if other == "finished it":
        assert record.timings == run()[0].timings
