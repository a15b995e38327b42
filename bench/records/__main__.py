"""Look at records, check them, compare them, bring them together: `python -m bench.records`."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.console import command
from bench.records import merge
from bench.records.store import Reader, require_runs

_EXAMPLES = """examples:
  python -m bench.records list                         all runs of results/
  python -m bench.records show RUN                     one of them, whole
  python -m bench.records failures --tracebacks        those that failed, and why
  python -m bench.records verify /mnt/results          every byte against its SHA-256
  python -m bench.records diff RUN_A RUN_B             settings, circumstances, test metrics
  python -m bench.records diff results /mnt/results    the same of two studies
  python -m bench.records merge /mnt/results --into results
  python -m bench.records log tensorboard              for tensorboard --logdir results/tensorboard
  python -m bench.records log mlflow --to http://mlflow.example.org:5000
"""


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("records", str(__doc__).partition(":")[0] + ".", _EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, purpose in (
        ("list", "list all runs"),
        ("failures", "list the runs that failed, with their reasons"),
        ("verify", "check every run, file and measurement; exit status 1 if any is damaged"),
    ):
        made = commands.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        _add_folder(made)
        if name == "failures":
            made.add_argument("--tracebacks", action="store_true", help="show them too")
    show = commands.add_parser("show", help="show one run", description="Show one run.")
    show.add_argument("run", metavar="RUN", help="its id")
    command.add_results(show)
    diff = commands.add_parser(
        "diff",
        help="show what differs between two studies, or two runs",
        description="Show the settings, circumstances and metrics that differ. Metrics are "
        "compared where both have a configuration on the same data; two runs are in any case.",
    )
    for side in ("a", "b"):
        diff.add_argument(side, metavar=side.upper(), help="results folder, or id of a run")
    command.add_results(diff)
    merge = commands.add_parser(
        "merge",
        help="copy the runs of other results folders that one lacks",
        description="Copy finished and failed runs, those of searches too, that RESULTS lacks. "
        "Every file is checked against its SHA-256; the sources are only read.",
    )
    merge.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="results folders")
    merge.add_argument("--into", required=True, type=Path, metavar="RESULTS", help="the target")
    compact = commands.add_parser(
        "compact",
        help="copy what views read of records, to be committed",
        description="Copy the runs of RESULTS that the target lacks, and of the results folders "
        "directly below it, without weights, most predictions and most epochs; metrics, costs, "
        "configurations and what intervals are made of are kept.",
    )
    _add_folder(compact)
    compact.add_argument("--into", required=True, type=Path, metavar="TARGET", help="the target")
    log = commands.add_parser(
        "log",
        help="write finished runs for MLflow or TensorBoard",
        description="Write settings, curves, metrics and costs of the finished runs that the "
        "target lacks.",
    )
    log.add_argument("tracker", choices=("mlflow", "tensorboard"))
    log.add_argument(
        "--to",
        metavar="TARGET",
        help="a folder for TensorBoard (default: RESULTS/tensorboard), a URI for MLflow (default: "
        "MLFLOW_TRACKING_URI, else sqlite:///RESULTS/mlflow.db)",
    )
    command.add_results(log)
    return parser


def _add_folder(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="RESULTS",
        help="folder of records (default: results)",
    )
    to.add_argument("--results", type=Path, default=Path("results"), help=argparse.SUPPRESS)


def _work(options: argparse.Namespace) -> int:
    # Heavy imports only once there is work to do: -h has to answer at once.
    from bench.records import verifying

    folder: Path | None = getattr(options, "folder", None)
    named: Path = getattr(options, "results", Path())
    results = folder or named
    if options.command == "merge":
        _print(merge.merged_lines(merge.merge(options.sources, options.into), options.into))
        return command.OK
    if options.command == "compact":
        from bench.records.compact import compact
        from bench.statistics.influence import of_compact

        count = compact(results, options.into, of_compact)
        _print([f"{count} runs copied to {options.into}"])
        return command.OK
    if options.command == "diff":
        from bench.statistics.study_difference import differences, side

        _print(differences(side(options.a, results), side(options.b, results)))
        return command.OK
    require_runs(results)
    if options.command == "log":
        from bench.records import trackers

        finished = Reader(results).finished()
        _print([trackers.log(options.tracker, finished, results, options.to)])
        return command.OK
    if options.command == "verify":
        found = list(verifying.damages(results))
        _print(f"{path}: {reason}" for path, reason in found)
        _print([f"{verifying.count(results)} runs checked, {len(found)} damages found"])
        return command.SOME_FAILED if found else command.OK

    from bench.records import listing

    reader = Reader(results)
    if options.command == "list":
        _print([listing.listing(reader.records())])
    elif options.command == "failures":
        _print(listing.failures(reader, tracebacks=options.tracebacks))
    else:
        _print(listing.shown(reader.named(options.run), reader.folder(options.run)))
    return command.OK


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands.

    Returns:
        0: done; 1: `verify` has found damage; 2: bad input.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _work(options))


if __name__ == "__main__":
    command.run(main)
