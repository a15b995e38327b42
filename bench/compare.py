"""Compare methods on datasets: plan, run what is missing, summarise. `python -m bench.compare`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets import DATASETS, find
from bench.errors import UserError
from bench.presets import PRESETS
from methods import method_names
from methods.backbones import backbone_names

if TYPE_CHECKING:
    from bench.config import RunConfig
    from bench.execute import Context

_log = logging.getLogger("bench.compare")

_EXAMPLES = """examples:
  python -m bench.compare                                  digits and pneumonia, quick preset
  python -m bench.compare --preset smoke                   every method, tiny, on digits
  python -m bench.compare --datasets pneumonia --seeds 0,1,2,3
  python -m bench.compare --methods standard,sae --set sae.n_inputs=2,3 --set epochs=50
  python -m bench.figures                                  draw the figures from results/

presets:
""" + "\n".join(f"  {name:6} {preset.says}" for name, preset in PRESETS.items())

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name for name in text.split(",") if name))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare",
        description="Train, evaluate and cost ensembling methods, and print a table of them. "
        "Runs that results/ has already are not run again.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--datasets", type=_names, metavar="A,B", help=f"{', '.join(DATASETS)} (default: preset's)")
    add(
        "--task",
        choices=("classification", "regression"),
        help="of your own data, for example --datasets file.npz or --datasets ./folder",
    )
    add("--methods", type=_names, metavar="A,B", help=f"{', '.join(method_names())} (default: all)")
    add("--seeds", metavar="0,1", help="run seeds, integers >= 0 (default: the preset's)")
    add("--preset", default="quick", help=f"{', '.join(PRESETS)} (default: quick)")
    add("--backbone", help=f"{', '.join(backbone_names())} (default: the dataset's own)")
    add(
        "--set", action="append", default=[], metavar="KEY=VALUE[,VALUE]", dest="assignments",
        help="a setting instead of the preset's, e.g. epochs=5, sae.n_exits=2,3",
    )  # fmt: skip
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="data folder (default: SAE_BENCH_DATA, medmnist's)",
    )
    add(
        "--results", type=Path, default=Path("results"), metavar="FOLDER", help="(default: results)"
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="worker processes; 0 = in this one (default: cores)",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add("--retry-failed", action="store_true", help="run recorded failures again")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: all runs are done; 1: some runs failed (they are listed); 2: bad input; 130: Ctrl-C.
    """
    options = _parser().parse_args(argv)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("bench").setLevel(logging.INFO)  # libraries: warnings only
    try:
        return _compare(options)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write(
            "interrupted: finished runs are kept; the same command goes on where this one stopped\n"
        )
        return INTERRUPTED


def _compare(options: argparse.Namespace) -> int:
    _check_names(options)
    preset = PRESETS[options.preset]
    seeds = _seeds(options.seeds) if options.seeds is not None else preset.seeds
    workers = _workers(options.workers)

    rows = [find(spec, task=options.task) for spec in options.datasets or preset.datasets]

    # torch is imported from here on: -h and bad names are answered before.
    from bench.execute import Context, default_device
    from bench.plan import Request, plan
    from bench.sweep import run_missing, unavailable

    configs = plan(
        Request(
            datasets=rows,
            methods=options.methods or method_names(),
            seeds=seeds,
            preset=options.preset,
            backbone=options.backbone,
            assignments=options.assignments,
        )
    )
    context = Context(
        results=options.results,
        data=options.data,
        device=default_device(options.device),
        rows={row.name: row for row in rows},
    )
    # What was asked for by name has to be there; what a preset brings is skipped if it is not.
    skipped = unavailable(configs, context, required=options.datasets is not None)
    configs = [config for config in configs if config.dataset not in skipped]
    failed = run_missing(configs, context, workers, retry_failed=options.retry_failed)
    _summarise(configs, context, skipped)
    return SOME_FAILED if failed else OK


def _check_names(options: argparse.Namespace) -> None:
    if options.preset not in PRESETS:
        raise UserError(f"unknown preset {options.preset!r}; choices: {', '.join(PRESETS)}")
    for option in ("datasets", "methods"):
        if getattr(options, option) == []:
            raise UserError(f"--{option}: must name at least one; leave it out for the default")
    for method in options.methods or ():
        if method not in method_names():
            raise UserError(f"unknown method {method!r}; choices: {', '.join(method_names())}")


def _seeds(text: str) -> list[int]:
    try:
        seeds = list(dict.fromkeys(int(word) for word in _names(text)))
    except ValueError:
        raise UserError(f"--seeds {text}: must be integers, for example 0,1,2") from None
    if not seeds or min(seeds) < 0:
        raise UserError(f"--seeds {text}: must be integers >= 0, for example 0,1,2")
    return seeds


def _workers(n_workers: int | None) -> int:
    if n_workers is None:
        return len(os.sched_getaffinity(0))
    if n_workers < 0:
        raise UserError(f"--workers {n_workers}: must be >= 0 (0 = in this process)")
    return n_workers


def _summarise(configs: Sequence[RunConfig], context: Context, skipped: dict[str, str]) -> None:
    """Write summary.csv (all records) and summary.md, and print the table of these runs."""
    from bench.frames import load_frames
    from bench.tables import summary_markdown, write_summary

    frames = load_frames(context.results)
    asked = {config.run_id for config in configs}
    notes = [f"skipped {name}: {reason}" for name, reason in skipped.items()]
    failures = frames.failures[frames.failures["run_id"].isin(asked)]
    notes += [f"failed {row.run_id} ({row.label}): {row.error}" for row in failures.itertuples()]
    text = summary_markdown(frames.runs[frames.runs["run_id"].isin(asked)], notes)
    write_summary(context.results, frames.runs, text)
    sys.stdout.write("\n" + text)
    sys.stdout.write(
        f"\nall configurations: {context.results / 'summary.csv'}; "
        "figures: python -m bench.figures\n"
    )


if __name__ == "__main__":
    sys.exit(main())
