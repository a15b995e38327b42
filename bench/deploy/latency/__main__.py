"""Measure the speed, memory and size of deployed networks: `python -m bench.latency`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.console import command
from bench.deploy.latency.threads import threads
from bench.errors import UserError
from bench.executors.scratch import scratch_folder, sweep
from bench.records.schema import FILES, FinishedRun
from bench.records.store import Reader, require_runs

_EXAMPLES = """examples:
  python -m bench.latency                                  the first seed of every configuration
  python -m bench.latency --dataset pneumonia --rounds 5   a quick look
  python -m bench.latency RUN_ID RUN_ID                    these two against each other

Everything that is measured by one call is measured in turns, so compare numbers of one call, and
leave the machine alone meanwhile. Figures and frames take the numbers from results/latency/.
"""


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "latency",
        (
            "Export the deployed networks of finished runs and measure them: time of one "
            "image and of a batch, peak memory, size on disk, energy where the machine has a meter."
        ),
        _EXAMPLES,
    )
    add = parser.add_argument
    add("runs", nargs="*", metavar="RUN", help="ids of runs (default: see --all-seeds)")
    add("--dataset", metavar="NAME", help="of this dataset alone")
    add("--all-seeds", action="store_true", help="every run, not the first seed alone")
    add("--rounds", type=int, default=50, metavar="N", help="samples of every time (50)")
    add("--batch", type=int, default=64, metavar="B", help="images of the large batch (64)")
    add("--threads", type=int, default=1, metavar="N", help="of a network (1)")
    add("--no-memory", action="store_true", help="leave peak memory out: two processes a run less")
    command.add_results(parser)
    add("--data", type=Path, metavar="FOLDER", help="data folder (SAE_BENCH_DATA, medmnist's)")
    add("--own", metavar="PATH", help="where your own data are, of runs on such")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: measured; 2: bad input.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _measure(options))


def _measure(options: argparse.Namespace) -> int:
    for name in ("rounds", "batch", "threads"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)}: must be >= 1")
    require_runs(options.results)

    from bench.deploy.latency.selection import chosen_records

    store = Reader(options.results, checked=FILES)
    records = chosen_records(store, options.runs, options.dataset, all_seeds=options.all_seeds)

    sweep()

    with threads(options.threads), scratch_folder() as scratch:
        _measure_all(store, records, scratch, options)
    return 0


def _measure_all(
    store: Reader, records: Sequence[FinishedRun], scratch: Path, options: argparse.Namespace
) -> None:
    # torch is imported from here on: bad input is answered before.
    from bench.deploy.export.trained import Trained
    from bench.deploy.latency.candidate import prepare
    from bench.deploy.latency.measuring import LOG, Protocol, measure
    from bench.records import measurements

    protocol = Protocol(
        threads=options.threads,
        batch=options.batch,
        rounds=options.rounds,
        memory=not options.no_memory,
    )
    candidates = []
    for index, record in enumerate(records, start=1):
        LOG.info("exporting %d of %d: %s", index, len(records), record.run_id)
        trained = Trained.load(store, record, data=options.data, own=options.own)
        candidates.append(prepare(trained, scratch / record.run_id, threads=options.threads))
    for measurement in measure(candidates, protocol):
        measurements.save(options.results, measurement)
        sys.stdout.write(_line(measurement) + "\n")
    sys.stdout.write(f"\n{measurements.folder(options.results)}: {len(records)} measurements\n")


def _line(measurement: dict[str, object]) -> str:
    from bench.records.measurements import RUNTIMES, flat

    row = flat(measurement)
    times = [
        f"{runtime} {row[f'{runtime}_latency_ms']:.3f} / {row[f'{runtime}_image_ms']:.4f}"
        for runtime in RUNTIMES
        if f"{runtime}_latency_ms" in row
    ]
    return f"{row['run_id']}: ms an image, alone / in a batch: {', '.join(times)}"


if __name__ == "__main__":
    command.run(main)
