"""Results folders brought into one: what is copied, kept, skipped and refused."""

from pathlib import Path
from typing import Any

import pytest
from made_records import failed, made

from bench.errors import UserError
from bench.records.__main__ import main
from bench.records.merge import merge
from bench.records.schema import FailedRun, FinishedRun, Record
from bench.records.store import StorageError, Store
from runs.stored_files import FILES, names_in


def run_id(seed: int) -> str:
    return f"digits-standard-0123-s{seed}"


def a_run(seed: int = 0, **values: Any) -> Record:
    return made({"config": {"seed": seed}, "temperature": 0.1 + 0.2, **values})


def a_failure(seed: int = 0, message: str = "no luck") -> Record:
    return failed({"config": {"seed": seed}, "error": {"type": "E", "message": message}})


def fates(sources: list[Path], target: Path) -> list[tuple[str, str]]:
    return [(each.folder.name, each.fate) for each in merge(sources, target)]


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def source(tmp_path: Path) -> Store:
    return Store(tmp_path / "source")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_a_run_is_copied_to_the_byte(source: Store, target: Path) -> None:
    source.save(a_run(), FILES)
    before = tree(source.root)
    assert fates([source.root], target) == [(run_id(0), "copied")]
    assert tree(target / "runs" / run_id(0)) == tree(source.folder(run_id(0)))
    assert Store(target).load(run_id(0)) == source.load(run_id(0))
    assert tree(source.root) == before
    assert names_in(target / ".partial") == []
    # A second time there is nothing to do.
    stamp = (target / "runs" / run_id(0)).stat().st_mtime_ns
    assert fates([source.root], target) == [(run_id(0), "there")]
    assert (target / "runs" / run_id(0)).stat().st_mtime_ns == stamp


def test_search_runs_go_to_the_search_store(source: Store, target: Path) -> None:
    Store(source.root / "search").save(a_run(1, stage="search"), FILES)
    source.save(a_run(2), FILES)
    assert fates([source.root], target) == [(run_id(2), "copied"), (run_id(1), "copied")]
    assert Store(target).run_ids() == [run_id(2)]
    assert Store(target / "search").run_ids() == [run_id(1)]


def test_a_source_of_search_runs_alone(source: Store, tmp_path: Path, target: Path) -> None:
    alone = tmp_path / "alone"
    Store(alone / "search").save(a_run(), {})
    assert fates([alone], target) == [(run_id(0), "copied")]
    assert not (target / "runs").exists()


def test_several_sources_complete_each_other(source: Store, target: Path, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    source.save(a_run(0), {})
    other.save(a_run(0), {})
    other.save(a_run(1), {})
    found = fates([source.root, other.root], target)
    assert found == [(run_id(0), "copied"), (run_id(0), "there"), (run_id(1), "copied")]
    assert Store(target).run_ids() == [run_id(0), run_id(1)]


def test_a_finished_run_replaces_a_failure_and_never_the_other_way(
    source: Store, target: Path
) -> None:
    store = Store(target)
    source.save(a_run(0), FILES)
    store.save(a_failure(0), {})
    source.save(a_failure(1), {})
    store.save(a_run(1), FILES)
    source.save(a_failure(2), {})
    store.save(a_failure(2, "another"), {})
    source.save(a_failure(3), {})
    found = fates([source.root], target)
    assert [fate for _, fate in found] == ["replaced", "there", "there", "copied"]
    records = [store.load(run_id(seed)) for seed in range(4)]
    assert [r.status for r in records if r] == ["done", "done", "failed", "failed"]
    assert isinstance(records[2], FailedRun)
    assert records[2].error.message == "another"
    assert (store.folder(run_id(0)) / "predictions.npz").read_bytes() == FILES["predictions.npz"]


def test_of_two_finished_runs_the_targets_is_kept(source: Store, target: Path) -> None:
    source.save(a_run(temperature=1.0), {})
    Store(target).save(a_run(temperature=2.0), {})
    assert fates([source.root], target) == [(run_id(0), "kept")]
    record = Store(target).load(run_id(0))
    assert isinstance(record, FinishedRun)
    assert record.temperature == 2.0


def test_damaged_runs_are_skipped_and_left_where_they_are(source: Store, target: Path) -> None:
    for seed in range(3):
        source.save(a_run(seed), FILES)
    edited = source.folder(run_id(0)) / "record.json"
    edited.write_text(edited.read_text().replace("0.30000000000000004", "0.4"))
    (source.folder(run_id(1)) / "weights.safetensors").write_bytes(b"short")
    before = tree(source.root)
    merged = merge([source.root], target)
    assert [each.fate for each in merged] == ["damaged", "damaged", "copied"]
    assert [each.reason for each in merged] == [
        "record.json does not match its digest",
        "weights.safetensors is not what was written (SHA-256)",
        "",
    ]
    assert tree(source.root) == before
    assert Store(target).run_ids() == [run_id(2)]


def test_a_run_that_is_damaged_in_the_target_comes_from_the_source(
    source: Store, target: Path
) -> None:
    source.save(a_run(), FILES)
    Store(target).save(a_run(), FILES)
    (target / "runs" / run_id(0) / "predictions.npz").unlink()
    assert fates([source.root], target) == [(run_id(0), "copied")]
    assert Store(target).load(run_id(0)) == source.load(run_id(0))


@pytest.mark.parametrize("stage", ["", "search"])
def test_other_data_of_the_same_name_is_refused_before_anything_is_copied(
    source: Store, target: Path, tmp_path: Path, stage: str
) -> None:
    other = Store(tmp_path / "other" / stage)
    other.save(a_run(5, dataset={"fingerprint": "0" * 64}), {})
    source.save(a_run(), {})
    with pytest.raises(UserError, match=r"other data of the name 'digits'.*000000000000, there ff"):
        merge([source.root, tmp_path / "other"], target)
    assert not target.exists()
    # The same against the target; failed runs have no data to differ in.
    Store(target).save(a_run(), {})
    source.save(a_failure(7), {})
    with pytest.raises(UserError, match="nothing was copied"):
        merge([tmp_path / "other", source.root], target)
    assert Store(target).run_ids() == [run_id(0)]


def test_what_is_no_source(source: Store, target: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"empty: not a results folder \(it has no folder runs/\)"):
        merge([source.root, tmp_path / "empty"], target)
    with pytest.raises(UserError, match="is --into itself"):
        merge([source.root], source.root / ".." / "source")
    with pytest.raises(UserError, match="is among the runs of"):
        merge([source.root], source.root / "runs" / "more")
    assert not (source.root / "runs" / "more").exists()
    assert not target.exists()


def test_a_target_that_can_not_be_written(source: Store, tmp_path: Path) -> None:
    source.save(a_run(), {})
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        merge([source.root], tmp_path / "file")


def test_it_waits_for_the_runs_lock(
    source: Store, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.save(a_run(), {})
    held = []
    save = Store.save

    def save_under_lock(store: Store, *args: Any) -> None:
        with Store(target).lock(run_id(0), wait=False) as free:
            held.append(not free)
        save(store, *args)

    monkeypatch.setattr(Store, "save", save_under_lock)
    merge([source.root], target)
    assert held == [True]


def test_the_command_line(source: Store, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.save(a_run(0), {})
    source.save(a_run(1, temperature=1.0), {})
    Store(target).save(a_run(1, temperature=2.0), {})
    assert main(["merge", str(source.root), "--into", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{source.folder(run_id(1))}: finished in both with other results")
    assert lines[1:] == [
        "     1 copied",
        "     0 copied over a recorded failure",
        "     0 there already",
        "     1 finished in both with other results: the target's is kept",
        "     0 damaged, skipped",
        f"{target}: the next bench.compare writes its summary anew",
    ]
