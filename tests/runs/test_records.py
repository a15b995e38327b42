"""The store: what is damaged is not taken for a run."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.records.store import FORMAT, Store, seal
from runs.stored_files import FILES, a_record, names_in
from runs.tiny_runs import ROOT


def test_what_is_saved_is_loaded(store: Store, saved: dict[str, Any]) -> None:
    assert {key: saved[key] for key in a_record()} == a_record()
    assert saved["files"] == {"predictions.npz": 1000, "weights.safetensors": 500}
    folder = store.folder(saved["run_id"])
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert list(store.records()) == [saved]
    assert names_in(store.root / ".partial") == []


def test_no_such_run(store: Store) -> None:
    assert store.load("digits-standard-none-s0") is None
    assert list(store.records()) == []


def test_records_come_in_the_order_of_their_names(store: Store) -> None:
    for name in ("c", "a", "b"):
        store.save(a_record(name), {})
    assert [record["run_id"] for record in store.records()] == ["a", "b", "c"]


def test_numbers_that_json_lacks_become_null_at_any_depth(store: Store) -> None:
    odd = {"x": [math.nan, (math.inf, 1.0)], "y": {"z": -math.inf}, 3: 0.1 + 0.2}
    store.save(a_record(odd=odd), {})
    record = store.load(a_record()["run_id"])
    assert record is not None
    assert record["odd"] == {"x": [None, [None, 1.0]], "y": {"z": None}, "3": 0.1 + 0.2}
    text = (store.folder(record["run_id"]) / "record.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_the_digest_is_over_all_values_and_their_order_does_not_count() -> None:
    record = a_record(a=1, b=[1, 2])
    sealed = seal(record)
    assert seal(sealed) == sealed
    assert seal(dict(reversed(record.items())))["digest"] == sealed["digest"]
    assert seal({**record, "b": [2, 1]})["digest"] != sealed["digest"]
    assert seal({**record, "a": 1.0000000000000002})["digest"] != sealed["digest"]


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "record.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated record": (lambda f: truncate(f / "record.json"), "is not JSON"),
    "empty record": (lambda f: (f / "record.json").write_bytes(b""), "is not JSON"),
    "binary record": (lambda f: (f / "record.json").write_bytes(b"\xff\x00"), "is not JSON"),
    "no record": (lambda f: (f / "record.json").unlink(), "record.json is missing"),
    "a list": (lambda f: (f / "record.json").write_text("[]"), f"not of format {FORMAT}"),
    "other format": (
        lambda f: edit(f, f'"format": {FORMAT}', '"format": 1'),
        f"not of format {FORMAT}",
    ),
    "edited number": (lambda f: edit(f, "0.1", "0.9"), "does not match its digest"),
    "NaN": (lambda f: edit(f, "0.1", "NaN"), "JSON"),
    "no digest": (lambda f: edit(f, '"digest"', '"diges"'), "does not match its digest"),
    "no predictions": (lambda f: (f / "predictions.npz").unlink(), "predictions.npz is missing"),
    "short predictions": (lambda f: truncate(f / "predictions.npz"), "not its 1000 bytes"),
    "short weights": (lambda f: truncate(f / "weights.safetensors"), "not its 500 bytes"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_set_aside_with_a_warning(
    store: Store, saved: dict[str, Any], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    store.save(a_record("whole"), FILES)
    spoil, reason = DAMAGE[damage]
    spoil(store.folder(saved["run_id"]))
    kept = names_in(store.folder(saved["run_id"]))
    assert store.load(saved["run_id"]) is None
    assert len(caplog.messages) == 1
    assert f"run {saved['run_id']} is damaged" in caplog.messages[0]
    assert reason in caplog.messages[0]
    assert [record["run_id"] for record in store.records()] == ["whole"]
    # Nothing is deleted, and the run can be run again.
    (aside,) = (store.root / "set-aside").iterdir()
    assert aside.name.startswith(saved["run_id"])
    assert names_in(aside) == kept
    store.save(a_record(), FILES)
    assert store.load(saved["run_id"]) == saved


def test_a_folder_under_a_false_name_is_damaged(store: Store, saved: dict[str, Any]) -> None:
    store.folder(saved["run_id"]).rename(store.folder("other"))
    assert store.load("other") is None
    assert names_in(store.root / "runs") == []


def test_a_stray_file_among_the_runs_is_no_run(store: Store, saved: dict[str, Any]) -> None:
    (store.root / "runs" / ".DS_Store").write_text("")
    assert list(store.records()) == [saved]


def test_a_removed_run_is_gone(store: Store, saved: dict[str, Any]) -> None:
    store.remove(saved["run_id"])
    assert store.load(saved["run_id"]) is None
    assert names_in(store.root / "runs") == names_in(store.root / ".partial") == []


def test_records_are_read_without_torch() -> None:
    code = "import sys, bench.records.store; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"
