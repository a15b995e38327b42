"""The store: a run appears whole or not at all, whoever dies and whatever fills up."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.records.store import StorageError, Store, write_file
from runs.stored_files import FILES, a_record, in_a_process, names_in
from runs.tiny_runs import ROOT


@pytest.mark.parametrize("step", range(4))
def test_a_disk_that_fills_up_leaves_nothing_half_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    # Three files are synced, then the folder is renamed: each of these may fail.
    syncs = iter(range(4))
    real_sync, real_rename = os.fsync, Path.rename

    def sync(descriptor: int) -> None:
        if next(syncs) == step:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_sync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        if step == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        patch.setattr(Path, "rename", rename)
        with pytest.raises(StorageError) as raised:
            store.save(a_record(), FILES)
    assert str(raised.value).startswith(f"results folder {store.root}: No space left on device;")
    assert "--results FOLDER" in str(raised.value)
    assert names_in(store.root / "runs") == []
    assert names_in(store.root / ".partial") == []
    store.save(a_record(), FILES)
    assert store.load(a_record().run_id) is not None


def test_a_killed_processs_remains_are_cleaned(store: Store) -> None:
    code = """
        import signal, bench.records.store
        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)
        os.fsync = die
        store.save(a_record(), {PREDICTIONS: b"old"})
    """
    with in_a_process(code, str(store.root)) as process:
        assert process.wait(120) == -9
    run_id = a_record().run_id
    (left,) = (store.root / ".partial" / run_id).iterdir()
    assert left.suffix == ".partial"
    assert store.load(run_id) is None
    store.save(a_record(), {"weights.safetensors": b"new"})
    assert names_in(store.folder(run_id)) == ["record.json", "weights.safetensors"]
    assert names_in(store.root / ".partial") == []


@contextlib.contextmanager
def lock_held_elsewhere(root: Path, run_id: str) -> Iterator[subprocess.Popen[str]]:
    code = """
        with store.lock(sys.argv[2], wait=False) as held:
            print(held, flush=True)
            sys.stdin.readline()
    """
    with in_a_process(code, str(root), run_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_run_is_locked_for_other_processes_until_it_is_released(store: Store) -> None:
    with lock_held_elsewhere(store.root, "a") as process:
        with store.lock("a", wait=False) as held:
            assert not held
        with store.lock("b", wait=False) as held:
            assert held
        process.communicate("\n", timeout=120)
        with store.lock("a", wait=False) as held:
            assert held


def test_the_lock_of_a_killed_process_is_free(store: Store) -> None:
    with lock_held_elsewhere(store.root, "a") as process:
        process.kill()
        # Waiting would last for ever if the dead process kept it.
        with store.lock("a", wait=True) as held:
            assert held


def test_a_lock_is_released_by_an_error(store: Store) -> None:
    def fail() -> None:
        with store.lock("a", wait=False) as held:
            assert held
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.lock("a", wait=False) as held:
        assert held


@pytest.mark.parametrize("place", ["results", "results/below", "results/.locks"])
def test_a_file_in_the_folders_place(tmp_path: Path, place: str) -> None:
    root = tmp_path / "results"
    if place == "results/.locks":
        root.mkdir()
        (root / ".locks").write_text("a file")
    else:
        root.write_text("a file")
    chosen = tmp_path / "results/below" if place == "results/below" else root
    with pytest.raises(StorageError, match=r"results folder .*: (Not a directory|File exists); "):
        Store(chosen)


def test_a_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, whom no rights stop.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StorageError, match=r"results folder .*: Permission denied; make room or"):
        Store(tmp_path / "results")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000])
def test_a_folder_with_too_few_rights(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "results"
    Store(root)
    root.chmod(mode)
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            Store(root)
    finally:
        root.chmod(0o700)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no mount namespaces")
def test_a_full_file_system(tmp_path: Path) -> None:
    # Mounted in a namespace of its own: it goes with the process, however that ends.
    root = tmp_path / "small"
    root.mkdir()
    code = (
        "import sys; from pathlib import Path; from bench.records.store import *\n"
        "from runs.stored_files import a_record\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.save(a_record(0), {'predictions.npz': bytes(1000)})\n"
        "try: store.save(a_record(1), {'predictions.npz': bytes(1 << 20)})\n"
        "except StorageError as error: print(error)\n"
        "try: write_file(store.root / 'summary.csv', bytes(1 << 20))\n"
        "except StorageError as error: print(error)\n"
        "print([record.run_id for record in store.records()])\n"
        "print(*sorted(p.name for p in store.root.iterdir()), *store._partial.iterdir())\n"
    )
    script = 'mount -t tmpfs -o size=128k tmpfs "$1" || exit 77; exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(root), sys.executable, code],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting a file system is not allowed here")
    full = f"results folder {root}: No space left on device; make room or rights there, or pass "
    full += "--results FOLDER. Finished runs are kept."
    assert done.stdout.splitlines() == [
        full,
        full,
        f"['{a_record().run_id}']",
        ".locks .partial runs",
    ]


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.csv"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_file(path, b"newer")
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["summary.csv"]
