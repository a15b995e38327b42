"""A campaign of damage: killed writers, flipped bytes, hostile records. `python -m perf.damage`.

Counts what was lost, what ended in a traceback, what silently gave other numbers, and what was
written outside of the results folder: all have to be 0.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.records import measurements, verifying
from bench.records.frames import load_frames
from bench.records.listing import failures, listing
from bench.records.merge import merge
from bench.records.store import Reader, Store
from bench.statistics.influence import of_run
from perf.synthetic_study import write_study

N_RUNS = 3
_NUMBERS = ("accuracy", "nll", "flops", "params")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign and print its counts.

    Returns:
        0: all counts of harm are 0; 1: one is not.
    """
    parser = argparse.ArgumentParser(prog="python -m perf.damage", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bytes", type=int, default=300, help="damaged files per reader")
    parser.add_argument("--kills", type=int, default=50, help="writers that are killed")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="sae-bench-") as folder:
        counts = campaign(Path(folder), options.seed, options.bytes, options.kills)
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{count:6} {name}\n")
    return int(any(count for name, count in counts.items() if name.startswith("HARM")))


def campaign(
    folder: Path, seed: int, n_bytes: int, n_kills: int, names: Sequence[str] = ()
) -> Counter[str]:
    """All parts, with what they have counted; names that begin with HARM have to be 0.

    Args:
        folder: empty.
        seed: of the chance.
        n_bytes: damaged files per reader.
        n_kills: writers that are killed.
        names: of `READERS`; none: all.
    """
    readers = {name: READERS[name] for name in names or READERS}
    chance, counts = random.Random(seed), Counter[str]()
    for harm in ("lost", "traceback", "silently other", "outside"):
        counts[f"HARM {harm}"] = 0
    whole = folder / "whole"
    write_study(whole, N_RUNS)
    for run_id in Store(whole).run_ids():
        times = {"eager": {"latency_ms": [1.0, 0.5, 2.0]}}
        machine = {"cpu": "Abacus"}
        measured = {"run_id": run_id, "machine": machine, "timings": times, "network": {}}
        measurements.save(whole, measured)
    _damage(whole, folder / "damaged", chance, n_bytes, counts, readers)
    _hostile(whole, folder / "hostile", counts, readers)
    _kills(folder / "killed", chance, n_kills, counts)
    return counts


# ---------------------------------------------------------------- readers


def _numbers(results: Path) -> dict[str, Any]:
    """Every number that views take from records and measurements, by run."""
    runs = load_frames(results).runs
    if runs.empty:
        return {}
    columns = [c for c in (*_NUMBERS, "eager_latency_ms") if c in runs]
    rows = runs.set_index(["run_id", "split", "corruption", "severity"])[columns]
    return {repr(key): repr(row) for key, row in zip(rows.index, rows.to_numpy(), strict=True)}


def _statistics(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in Reader(results).finished():
        with contextlib.suppress(OSError):
            shutil.rmtree(results / ".cache")
        influence_G = of_run(results, record.run_id, "test", "nll")
        found[record.run_id] = None if influence_G is None else influence_G.tolist()
    return found


def _inspected(results: Path) -> dict[str, Any]:
    reader = Reader(results)
    list(failures(reader, tracebacks=True))
    # Columns are as wide as the widest row.
    rows = (" ".join(line.split()) for line in listing(reader.records()).splitlines()[2:])
    return dict.fromkeys(rows, True)


def _merged(results: Path) -> dict[str, Any]:
    target = results.with_name("target")
    shutil.rmtree(target, ignore_errors=True)
    merge([results], target)
    return _numbers(target)


Readers = Mapping[str, Callable[[Path], dict[str, Any]]]
READERS: Readers = {
    "frames": _numbers,
    "statistics": _statistics,
    "records list": _inspected,
    "merge": _merged,
}


# ---------------------------------------------------------------- damage


def _damage(
    whole: Path,
    folder: Path,
    chance: random.Random,
    n_bytes: int,
    counts: Counter[str],
    readers: Readers,
) -> None:
    """Damage a file at a time; each reader gives whole runs' numbers, or fewer, never others."""
    files = [
        path for path in sorted(whole.rglob("*")) if path.is_file() and ".lock" not in path.name
    ]
    files = [path for path in files if path.stat().st_size and ".cache" not in path.parts]
    for name, read in readers.items():
        expected = read(_copied(whole, folder))
        for _ in range(n_bytes):
            path = chance.choice(files)
            damaged = _copied(whole, folder) / path.relative_to(whole)
            damaged.write_bytes(_spoilt(damaged.read_bytes(), chance))
            before = _tree(folder / "runs")
            counts[f"damaged files read by {name}"] += 1
            found = _answer(read, folder, counts)
            for key, value in (found or {}).items():
                if expected.get(key) != value and not _is_left_out(key, value, expected):
                    counts["HARM silently other"] += 1
                    sys.stderr.write(f"other by {name}: {damaged}: {key}\n")
            counts["HARM lost"] += _tree(folder / "runs") != before
            counts["damages found by verify"] += bool(list(verifying.damages(folder)))


def _is_left_out(key: str, value: Any, expected: dict[str, Any]) -> bool:
    """Whether a row differs in a measurement alone, which was damaged and is absent."""
    return "nan" in str(value) and str(value)[:40] == str(expected.get(key))[:40]


def _spoilt(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    kind = chance.choice(("flip", "cut", "zero", "insert"))
    if kind == "flip":
        flipped = content[at] ^ (1 << chance.randrange(8))
        return content[:at] + bytes([flipped]) + content[at + 1 :]
    if kind == "cut":
        return content[:at]
    if kind == "zero":
        return content[:at] + bytes(min(16, len(content) - at)) + content[at + 16 :]
    return content[:at] + chance.randbytes(3) + content[at:]


def _answer(
    read: Callable[[Path], dict[str, Any]], folder: Path, counts: Counter[str]
) -> dict[str, Any] | None:
    try:
        return read(folder)
    except UserError:
        counts["answered in one line"] += 1
    except Exception as error:
        counts["HARM traceback"] += 1
        sys.stderr.write(f"traceback of {read.__name__}: {error!r}\n")
    return None


def _copied(whole: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    return folder


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---------------------------------------------------------------- hostile records

_HOSTILE: tuple[Callable[[dict[str, Any]], object], ...] = (
    lambda r: r["files"].update({"../../../victim": "0" * 64}),
    lambda r: r["files"].update({"/etc/passwd": "0" * 64}),
    lambda r: r.update(run_id="../../victim"),
    lambda r: r["config"].update(dataset="../../victim"),
    lambda r: r["config"].update(dataset="x" * 300),
    lambda r: r["config"].update(dataset="nul\0"),
    lambda r: r.pop("metrics"),
    lambda r: r["metrics"].update(val="good"),
    lambda r: r["metrics"]["val"].update(accuracy=7.0),
    lambda r: r["metrics"]["val"].update(accuracy="0.9"),
    lambda r: r["cost"].update(flops=-5),
    lambda r: r["cost"].update(flops=1e300),
    lambda r: r.update(status="maybe"),
    lambda r: r.update(status=["done"]),
    lambda r: r.update(format=99),
    lambda r: r.update(format="3"),
    lambda r: r.update(history=[{"epoch": -1}]),
    lambda r: r.update(temperature=0),
    lambda r: r["dataset"].update(task="ranking"),
    lambda r: r["dataset"].update(sizes={"val": -1}),
    lambda r: r.update(label="line\nbreak"),
    lambda r: r.update(surplus=1),
    lambda r: r["timings"].update(train_s=-1.0),
    lambda r: r["metrics"].update(corruptions={"../x": {"1": {}}}),
    lambda r: r["metrics"].update(corruptions={"blur": {"9": {}}}),
)


def _hostile(whole: Path, folder: Path, counts: Counter[str], readers: Readers) -> None:
    """Sealed records that break the schema: left out by every reader, or one error."""
    run_id = Store(whole).run_ids()[0]
    victim = folder.parent / "victim"
    victim.write_text("untouched")
    outside = {path.name for path in folder.parent.iterdir()} | {folder.name, "target"}
    expected = {name: read(_copied(whole, folder)) for name, read in readers.items()}
    for spoil in (*_HOSTILE, None):
        for name, read in readers.items():
            run = _copied(whole, folder) / "runs" / run_id
            if spoil is None:  # a link in the place of a file
                (run / "weights.safetensors").unlink()
                (run / "weights.safetensors").symlink_to(victim)
            else:
                _reseal(run / "record.json", spoil)
            counts["hostile records read"] += 1
            found = _answer(read, folder, counts) or {}
            others = [key for key in found if found[key] != expected[name].get(key)]
            counts["HARM silently other"] += bool(others)
            if others:
                sys.stderr.write(f"other by {name}: {others[0]}\n")
            left = {path.name for path in folder.parent.iterdir()} - outside
            counts["HARM outside"] += bool(left) or victim.read_text() != "untouched"


def _reseal(path: Path, spoil: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads(path.read_bytes())
    del record["digest"]
    spoil(record)
    canonical = json.dumps(record, sort_keys=True).encode()
    record["digest"] = hashlib.sha256(canonical).hexdigest()
    path.write_text(json.dumps(record))


# ---------------------------------------------------------------- kills

_WRITER = """
import sys
from pathlib import Path
from perf.damage import rewritten
rewritten(Path(sys.argv[1]))
"""


def rewritten(root: Path) -> None:
    """Write the same runs again and again, each of the few a little later than the one before."""
    from perf.synthetic_study import runs_of

    store = Store(root)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        for record, files in runs_of(N_RUNS):
            with store.lock(record.run_id, wait=True):
                if store.claim(record.run_id) is not None:
                    store.remove(record.run_id)
                store.save(record, files)


def _kills(folder: Path, chance: random.Random, n_kills: int, counts: Counter[str]) -> None:
    """Kill a writer at any time: every folder in place is a whole run."""
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    for _ in range(n_kills):
        command = [sys.executable, "-c", _WRITER, str(folder)]
        with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                writer.wait(chance.uniform(0.0, 0.3))
            writer.send_signal(signal.SIGKILL)
        counts["writers killed"] += 1
        counts["HARM lost"] += len(list(verifying.damages(folder)))


if __name__ == "__main__":
    sys.exit(main())
