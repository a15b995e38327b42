"""The store: what is damaged is not taken for a run, and nothing that reads moves it."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_records import made
from msgspec.structs import replace

from bench.records.schema import FORMAT, Record, RecordError
from bench.records.store import Reader, Store
from bench.records.text import UnknownFormatError
from runs.stored_files import FILES, a_record, names_in


def test_what_is_saved_is_loaded(store: Store, saved: Record) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert saved == replace(a_record(), files=digests, digest=saved.digest)
    folder = store.folder(saved.run_id)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert store.load(saved.run_id) == saved
    assert list(store.records()) == [saved]
    assert names_in(store.root / ".partial") == []


def test_no_such_run(store: Store, tmp_path: Path) -> None:
    assert store.load("digits-standard-none-s0") is None
    assert list(store.records()) == []
    assert list(Reader(tmp_path / "nowhere").records()) == []


def test_records_come_in_the_order_of_their_names(store: Store) -> None:
    for seed in (2, 0, 1):
        store.save(a_record(seed), {})
    assert [record.config.seed for record in store.records()] == [0, 1, 2]


def test_numbers_that_json_lacks_become_null(store: Store) -> None:
    odd = a_record(metrics={"val": {"nll": math.inf, "f1": math.nan, "accuracy": 0.1 + 0.2}})
    record = store.save(odd, {})
    assert record.metrics.val == {"nll": None, "f1": None, "accuracy": 0.1 + 0.2}  # type: ignore[union-attr]
    text = (store.folder(record.run_id) / "record.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_the_digest_is_over_all_values(store: Store) -> None:
    first = store.save(a_record(0), {})
    assert store.save(a_record(1), {}).digest != first.digest
    store.remove(first.run_id)
    assert store.save(a_record(0), {}).digest == first.digest
    store.remove(first.run_id)
    assert store.save(a_record(0, temperature=0.10000000000000002), {}).digest != first.digest


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "record.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def linked(path: Path) -> None:
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated record": (lambda f: truncate(f / "record.json"), "is not JSON"),
    "empty record": (lambda f: (f / "record.json").write_bytes(b""), "is not JSON"),
    "binary record": (lambda f: (f / "record.json").write_bytes(b"\xff\x00"), "is not JSON"),
    "deep record": (lambda f: (f / "record.json").write_text("[" * 100_000), "is not JSON"),
    "no record": (lambda f: (f / "record.json").unlink(), "record.json is missing"),
    "a linked record": (lambda f: linked(f / "record.json"), "no regular file"),
    "a list": (lambda f: (f / "record.json").write_text("[]"), f"not of format {FORMAT}"),
    "edited number": (lambda f: edit(f, "0.1", "0.9"), "does not match its digest"),
    "NaN": (lambda f: edit(f, "0.1", "NaN"), "JSON"),
    "no digest": (lambda f: edit(f, '"digest"', '"diges"'), "does not match its digest"),
    "no predictions": (lambda f: (f / "predictions.npz").unlink(), "predictions.npz is missing"),
    "short predictions": (lambda f: truncate(f / "predictions.npz"), "predictions.npz is not what"),
    "another bit": (lambda f: flip(f / "predictions.npz"), "predictions.npz is not what was"),
    "other weights": (lambda f: flip(f / "weights.safetensors"), "weights.safetensors is not what"),
    "linked weights": (lambda f: linked(f / "weights.safetensors"), "no regular file"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_left_out_and_what_makes_runs_sets_it_aside(
    store: Store, saved: Record, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    whole = store.save(a_record(1), FILES)
    spoil, reason = DAMAGE[damage]
    spoil(store.folder(saved.run_id))
    kept = names_in(store.folder(saved.run_id))
    for _ in range(2):
        assert list(store.records()) == [whole]
    (message,) = caplog.messages  # once
    assert message.startswith(f"run {saved.run_id} in {store.root} is damaged and left out: ")
    assert reason in message
    assert names_in(store.folder(saved.run_id)) == kept
    assert not (store.root / "set-aside").exists()

    caplog.clear()
    with store.lock(saved.run_id, wait=True):
        assert store.claim(saved.run_id) is None
    assert f"run {saved.run_id} is damaged" in caplog.text
    # Nothing is deleted, and the run can be run again.
    (aside,) = (store.root / "set-aside").iterdir()
    assert aside.name.startswith(saved.run_id)
    assert names_in(aside) == kept
    assert store.save(a_record(), FILES) == saved


def test_a_folder_under_a_false_name_is_damaged(store: Store, saved: Record) -> None:
    store.folder(saved.run_id).rename(store.folder("other"))
    assert store.load("other") is None
    assert names_in(store.root / "runs") == ["other"]


def test_reading_changes_nothing(store: Store, saved: Record, tmp_path: Path) -> None:
    (store.root / "runs" / "digits-standard-0123-s9").mkdir()  # still being copied
    before = sorted(store.root.rglob("*"))
    assert list(Reader(store.root).records()) == [saved]
    assert sorted(store.root.rglob("*")) == before


@pytest.mark.parametrize("format_", [0, 1, 4, 99])
def test_an_unknown_format_is_an_error_and_never_moved(
    store: Store, saved: Record, format_: int
) -> None:
    edit(store.folder(saved.run_id), f'"format": {FORMAT}', f'"format": {format_}')
    for read in (store.load, store.claim):
        with pytest.raises(
            UnknownFormatError, match=rf"format {format_}; .* formats 2 and {FORMAT}"
        ):
            read(saved.run_id)
    assert store.run_ids() == [saved.run_id]


def as_format_2(folder: Path) -> None:
    """The record as format 2 had it: sizes of files, diagnostics among an epoch's fields."""
    path = folder / "record.json"
    values = json.loads(path.read_bytes())
    del values["digest"], values["code"], values["cost"]["paper_flops"]
    del values["cost"]["paper_params"]
    values["format"] = 2
    values["files"] = {name: (folder / name).stat().st_size for name in values["files"]}
    values["history"] = [
        {**{k: v for k, v in one.items() if k != "diagnostics"}, **one["diagnostics"]}
        for one in values["history"]
    ]
    canonical = json.dumps(values, sort_keys=True).encode()
    path.write_text(json.dumps({**values, "digest": hashlib.sha256(canonical).hexdigest()}))


def test_format_2_is_converted(store: Store) -> None:
    history = [
        {"epoch": 0, "progress": 1.0, "diagnostics": {"theta": [[0.25, 0.75]], "alpha": 0.5}}
    ]
    saved = store.save(a_record(history=history), FILES)
    as_format_2(store.folder(saved.run_id))
    found = store.load(saved.run_id)
    assert found is not None
    assert replace(found, digest="") == replace(saved, digest="")
    truncate(store.folder(saved.run_id) / "predictions.npz")
    with pytest.raises(RecordError, match=r"predictions.npz is missing or has not its 1000 bytes"):
        store.read(saved.run_id)


def depths(**diagnostics: Any) -> dict[str, Any]:
    return {"history": [{"epoch": 2, "progress": 1.0, "diagnostics": diagnostics}]}


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "a status": ({"status": "maybe"}, "maybe"),
    "no metrics": ({"metrics": None}, "metrics"),
    "text for a number": ({"temperature": "1"}, "temperature"),
    "no FLOPs": ({"cost": {"flops": 0}}, "cost.flops"),
    "negative FLOPs": ({"cost": {"flops": -5}}, "cost.flops"),
    "accuracy": (
        {"metrics": {"val": {"accuracy": 7.0}}},
        r"val.accuracy is 7: must be in \[0, 1\]",
    ),
    "a path": ({"config": {"dataset": "../../x"}}, "dataset"),
    "a line": ({"config": {"dataset": "digits\n"}}, "dataset"),
    "300 letters": ({"config": {"dataset": "x" * 300}}, "dataset"),
    "NUL": ({"label": "a\0b"}, "label"),
    "an id with a path": ({"config_id": "../x"}, "config_id"),
    "a method with a path": ({"config": {"method": {"name": "/etc/x"}}}, "method.name"),
    "a file": ({"files": {"../../../run_all.sh": "0" * 64}}, "files"),
    "no digest of a file": ({"files": {"predictions.npz": "x"}}, "files"),
    "an unknown field": ({"extra": 1}, "extra"),
    "a severity": ({"metrics": {"corruptions": {"blur": {"6": {}}}}}, "corruptions"),
    "a corruption": ({"metrics": {"corruptions": {"../x": {"1": {}}}}}, "corruptions"),
    "a negative seed": ({"config": {"seed": -1}}, "seed"),
    "another dataset": ({"dataset": {"name": "blood"}}, "dataset.name"),
    "settings of another id": ({"config_id": "0123456789ab"}, "not the digest of its config"),
    "a setting in words": (
        {"config": {"backbone": {"settings": {"width": "wide"}}}},
        "width is 'w",
    ),
    "a setting of a truth": ({"config": {"method": {"settings": {"n_exits": True}}}}, "n_exits is"),
    "epochs in words": ({"config": {"training": {"epochs": "5"}}}, "epochs is '5': must be a num"),
    "theta is a number": (depths(theta=0.5), r"history.2.diagnostics: theta and"),
    "a theta of one axis": (depths(theta=[0.5, 0.5]), r"N lists of D"),
    "a ragged theta": (depths(theta=[[1.0], [0.5, 0.5]]), r"N lists of D"),
    "an optimum of another shape": (depths(theta=[[1.0]], theta_optimum=[[]]), r"N lists of D"),
    "an optimum without theta": (depths(theta_optimum=[[1.0]]), r"N lists of D"),
    "a task": ({"dataset": {"task": "ranking"}}, "dataset.task"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_record_is_checked_as_a_whole(hostile: str) -> None:
    values, where = HOSTILE[hostile]
    with pytest.raises(RecordError, match=where):
        made(values)


def test_a_stray_file_among_the_runs_is_no_run(store: Store, saved: Record) -> None:
    (store.root / "runs" / ".DS_Store").write_text("")
    assert list(store.records()) == [saved]


def test_a_removed_run_is_gone(store: Store, saved: Record) -> None:
    store.remove(saved.run_id)
    assert store.load(saved.run_id) is None
    assert names_in(store.root / "runs") == names_in(store.root / ".partial") == []
