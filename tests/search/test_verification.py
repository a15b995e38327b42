"""A journal that is not what the search wrote: nothing of it is believed, nothing trained again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.records.store import Reader
from bench.search.history import JOURNAL, History, open_history
from bench.search.trials import follow
from search.closed_form import OBJECTIVES, ClosedFormEngine, a_store, plan_of, points, searched

PLAN = plan_of(20)
DIRECTIONS = [objective.direction for objective in OBJECTIVES]


@contextmanager
def opened(folder: Path) -> Iterator[History]:
    with open_history(
        folder, "a", directions=DIRECTIONS, storage=None, facts={"n": 20},
        is_right=lambda trials: follow(PLAN, trials, Reader(folder)),
    ) as history:  # fmt: skip
        yield history


def resumed(folder: Path) -> tuple[list[tuple[object, ...]], list[str]]:
    """The points of the search that goes on, and what was trained for it."""
    store = a_store(folder)
    engine, known = ClosedFormEngine(store), set(store.run_ids())
    with opened(store.root) as history:
        found = points(searched(PLAN, engine, history))
    return found, [run_id for run_id in engine.taken if run_id not in known]


@pytest.fixture
def whole(tmp_path: Path) -> list[tuple[object, ...]]:
    found, trained = resumed(tmp_path)
    assert len(found) == len(trained) == 20
    return found


def edited(journal: Path, old: str, new: str) -> None:
    lines = journal.read_text().splitlines(keepends=True)
    index = [i for i, line in enumerate(lines) if old in line][-1]
    lines[index] = lines[index].replace(old, new, 1)
    journal.write_text("".join(lines))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"values":[0.', '"values":[1.'),
        ('"run_id":"digits', '"run_id":"digitz'),
        ('"params":{"fc.width":', '"params":{"fc.width":1'),
        ('"label":"', '"label":"x'),
        ('"state":1', '"state":3'),
        ('"op_code":4', '"op_code":7'),
        ('"op_code":4', '"op_code":99'),
        ('{"op_code"', '["op_code"'),
        ('"n":20', '"n":21'),
        ('"study_name":"a"', '"study_name":"b"'),
    ],
)
def test_an_edited_journal_is_read_again_from_the_records(
    tmp_path: Path, whole: list[tuple[object, ...]], old: str, new: str
) -> None:
    journal = a_store(tmp_path).root / JOURNAL
    edited(journal, old, new)
    assert resumed(tmp_path) == (whole, [])
    assert resumed(tmp_path) == (whole, [])


def test_a_journal_that_is_gone_is_made_from_the_records(
    tmp_path: Path, whole: list[tuple[object, ...]]
) -> None:
    (a_store(tmp_path).root / JOURNAL).unlink()
    assert resumed(tmp_path) == (whole, [])


def test_a_damaged_record_is_made_again(tmp_path: Path, whole: list[tuple[object, ...]]) -> None:
    store = a_store(tmp_path)
    run_id = store.run_ids()[0]
    path = store.folder(run_id) / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"label": "other"}))
    with store.lock(run_id, wait=True):
        assert store.claim(run_id) is None
    assert resumed(tmp_path) == (whole, [run_id])


def test_an_unharmed_journal_is_kept(tmp_path: Path, whole: list[tuple[object, ...]]) -> None:
    journal = a_store(tmp_path).root / JOURNAL
    before = journal.read_bytes()
    assert resumed(tmp_path) == (whole, [])
    assert journal.read_bytes() == before
