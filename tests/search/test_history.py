"""The trials on disk: what a killed process may leave behind, and who may write."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from bench.errors import UserError
from bench.search.history import JOURNAL, History, open_history

DISTRIBUTIONS = {"x": FloatDistribution(0, 1)}


def opened(folder: Path, name: str = "a", storage: str | None = None):  # type: ignore[no-untyped-def]
    return open_history(
        folder, name, directions=["minimize"], storage=storage, facts={"method": "sae"}
    )


def append(history: History, x: float) -> None:
    history.append({"x": x}, DISTRIBUTIONS, values=[x * 2], facts={"run_id": f"r{x}"})


def values(folder: Path, **options: str) -> list[tuple[float, float]]:
    with opened(folder, **options) as history:
        return [(one.params["x"], one.value) for one in history.trials()]


def test_trials_are_kept_in_order_with_what_belongs_to_them(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        append(history, 0.25)
        history.append({"x": 0.5}, DISTRIBUTIONS, values=None, facts={"failed": "why"})
        append(history, 0.75)
    with opened(tmp_path) as history:
        states = [one.state for one in history.trials()]
        assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
        assert [one.number for one in history.trials()] == [0, 1, 2]
        assert history.trials()[1].user_attrs == {"failed": "why"}
        assert history.trials()[2].distributions == DISTRIBUTIONS


def test_searches_share_a_journal_and_no_trials(tmp_path: Path) -> None:
    for name, x in (("a", 0.25), ("b", 0.5)):
        with opened(tmp_path, name) as history:
            append(history, x)
    assert values(tmp_path, name="a") == [(0.25, 0.5)]
    assert values(tmp_path, name="b") == [(0.5, 1.0)]


def test_every_length_of_a_torn_last_line_is_recovered(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        append(history, 0.25)
        before = (tmp_path / JOURNAL).stat().st_size
        append(history, 0.5)
    whole = (tmp_path / JOURNAL).read_bytes()
    assert whole[before - 1 : before] == b"\n"
    assert len(json.loads(whole[before:].splitlines()[0])) > 1
    for length in [*range(before, len(whole), 13), len(whole) - 1]:
        (tmp_path / JOURNAL).write_bytes(whole[:length])
        assert values(tmp_path) == [(0.25, 0.5)]
        # What is written next is not added to the torn line.
        with opened(tmp_path) as history:
            append(history, 0.75)
        assert values(tmp_path) == [(0.25, 0.5), (0.75, 1.5)]


def test_a_database_is_an_alternative(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    with opened(tmp_path, storage=url) as history:
        append(history, 0.25)
    assert values(tmp_path, storage=url) == [(0.25, 0.5)]
    assert not (tmp_path / JOURNAL).exists()
    with pytest.raises(UserError, match=r"--storage nonsense: cannot be opened"):
        values(tmp_path, storage="nonsense")


def test_a_search_has_one_coordinator(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(UserError, match=r"search a in .*: another process is at it"):
            values(tmp_path)
        assert values(tmp_path, name="another") == []
    assert values(tmp_path) == []


def test_optuna_reads_the_journal_by_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        append(history, 0.25)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL))
    study = optuna.load_study(study_name="a", storage=optuna.storages.JournalStorage(backend))
    assert study.best_params == {"x": 0.25}
    assert study.user_attrs == {"method": "sae"}
