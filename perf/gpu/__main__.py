"""Measure the benchmark on a GPU: `python -m perf.gpu`, in less than --minutes.

    python -m perf.gpu --prepare FOLDER --source tiny-imagenet-200.zip      here
    python -m perf.gpu --data FOLDER                                        there

Each part is a process with a share of the time; the JSON and the table are written after each row
and each part, so that what is cut short keeps what it has. The records of the part "study" end up
in records.zip, in the compact form.
"""

from __future__ import annotations

import argparse
import functools
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Least useful last; seconds that a part may take.
PARTS = {"checks": 100, "steps": 160, "study": 200, "stacked": 40}
PACKING_S = 30  # for the records at the end


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m perf.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("gpu-report"), help="folder of the results")
    add("--parts", default=",".join(PARTS), help="of " + ",".join(PARTS))
    add("--minutes", type=float, default=8.0, help="for all parts together")
    add("--data", type=Path, help="data folder of the part study: what --prepare has written")
    add("--prepare", type=Path, metavar="FOLDER", help="write the images of the part study alone")
    add("--source", type=Path, help="of --prepare: tiny-imagenet-200 as an archive")
    add("--device", default="cuda", help="cuda, or cpu to see that the kit runs")
    add("--quick", action="store_true", help="rough: to see that the kit runs")
    add("--inside", type=Path, help=argparse.SUPPRESS)  # the working folder of a part's process
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if a part failed or was cut short."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.prepare:
        from perf.gpu.study import prepare

        if options.source is None:
            parser.error("--prepare needs --source: tiny-imagenet-200 as an archive")
        archive = prepare(options.source, options.prepare)
        print(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB")
        return 0
    parts = options.parts.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; choices: {', '.join(PARTS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.inside:
        _measure(parts[0], options)
        return 0
    deadline = time.monotonic() + 60 * options.minutes - PACKING_S
    ends = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            left = deadline - time.monotonic()
            print(f"== {part} (at most {min(PARTS[part], left):.0f} s)", flush=True)
            ends[part] = _part(part, options, Path(folder), min(PARTS[part], left))
            print(f"   {part} {ends[part]}", flush=True)
            _write_page(options, ends)
        _pack(Path(folder) / "results", options.out / "records.zip")
    print((options.out / "gpu.md").read_text())
    return int(any(not end.startswith("done") for end in ends.values()))


def _part(part: str, options: argparse.Namespace, work: Path, seconds: float) -> str:
    """Run a part in a process of its own; how it ended."""
    if seconds < 5:
        return "left out: no time"
    command = [
        sys.executable, "-m", "perf.gpu", "--parts", part, "--out", str(options.out),
        "--device", options.device, "--inside", str(work),
    ]  # fmt: skip
    command += ["--data", str(options.data)] if options.data else []
    command += ["--quick"] if options.quick else []
    start = time.monotonic()
    # A session of its own, so that the processes it starts end with it.
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"cut short after {seconds:.0f} s"
    taken = f"{time.monotonic() - start:.0f} s"
    return f"done in {taken}" if code == 0 else f"failed with exit code {code} after {taken}"


def _measure(part: str, options: argparse.Namespace) -> None:
    import torch

    from bench.runs.execute import prepare_process
    from perf.gpu import checks, stacked, study, throughput
    from perf.gpu.report import Report

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    report = Report(options.out / f"{part}.json")
    device = torch.device(options.device)
    if part == "study":
        study.measure(report, device, quick=options.quick, data=options.data, work=options.inside)
        return
    prepare_process()
    measured = {"checks": checks, "steps": throughput, "stacked": stacked}[part]
    measured.measure(report, device, quick=options.quick)


def _write_page(options: argparse.Namespace, ends: dict[str, str]) -> None:
    from perf.gpu.report import machine, page, rows_of

    found = {part: rows_of(options.out / f"{part}.json") for part in PARTS}
    measured = {part: rows for part, rows in found.items() if rows or part in ends}
    (options.out / "gpu.md").write_text(page(machine(options.device), measured, ends))


def _pack(results: Path, archive: Path) -> None:
    """The finished runs in the compact form; computed by all cores, as the time is short."""
    from bench.records.compact import compact
    from bench.records.store import Reader
    from bench.statistics.influence import of_compact

    if not (results / "runs").is_dir():
        return
    runs = [record.run_id for record in Reader(results).records() if record.status == "done"]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, max(len(runs), 1)), spawned) as pool:
        found = dict(zip(runs, pool.map(functools.partial(of_compact, results), runs), strict=True))
    small = results.with_name("compact")
    n_runs = compact(results, small, lambda _, run_id: found[run_id])
    shutil.make_archive(str(archive.with_suffix("")), "zip", small)
    print(f"{archive}: {n_runs} runs, {archive.stat().st_size / 2**20:.1f} MiB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
