"""The command line options that comparing and searching share. Standard library only: see -h."""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.console import command
from bench.data.listing import listing
from bench.data.row import DatasetRow
from bench.data.table import choices, find
from bench.errors import UserError, as_user_error, unknown
from bench.executors.device import default_device, default_workers
from bench.runs.presets import PRESETS
from bench.runs.settings import SweepSettings
from methods import METHODS, method_names
from methods.backbones import BACKBONES, backbone_names
from methods.core.registry import Registry

if TYPE_CHECKING:
    from bench.runs.plan import Request

LEAST_SIDE = 8  # the smallest that can be corrupted


def names(text: str) -> list[str]:
    """The names in a list with commas, each once; a path that is there may have commas itself."""
    return list(dict.fromkeys(name for name in _parts(text) if name))


def _parts(text: str) -> list[str]:
    with contextlib.suppress(OSError, ValueError):  # too long for a path, or with a NUL
        if Path(text).exists():
            return [text]
    return text.split(",")


def add_request_options(parser: argparse.ArgumentParser) -> None:
    """Options of what is run: datasets, methods, preset, backbone."""
    add = parser.add_argument
    add("--datasets", type=names, metavar="A,B", help=f"{choices()} (default: preset's)")
    add("--list-datasets", action=ListDatasets, help="print all datasets with their facts; no run")
    add(
        "--task",
        choices=("classification", "regression"),
        help="of your own data, for example --datasets file.npz or --datasets ./folder",
    )
    add(
        "--resize",
        type=int,
        metavar="H",
        help="scale the images of your own folders to H x H (bicubic, antialiased)",
    )
    add(
        "--drop-duplicates",
        action="store_true",
        help="leave out images of train and val that occur in test (the name gets -dedup)",
    )
    add(
        "--methods",
        type=names,
        metavar="A,B",
        help=f"{', '.join(method_names())}, or files of your own, for example ./mine.py "
        "(default: all)",
    )
    add(
        "--extend",
        type=names,
        default=[],
        metavar="FILES",
        help="files with metrics and corruptions of your own, for example ./mine.py",
    )
    add("--preset", default="quick", help=f"{', '.join(PRESETS)} (default: quick)")
    add("--backbone", help=f"{', '.join(backbone_names())}, or a file (default: the dataset's own)")


def add_execution_options(parser: argparse.ArgumentParser) -> None:
    """Where it runs and where it is kept."""
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="data folder (default: SAE_BENCH_DATA, medmnist's)",
    )
    command.add_results(parser)
    add(
        "--workers",
        type=int,
        metavar="N",
        help="worker processes; 0 = in this one (default: cores)",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of a running Dask scheduler, e.g. tcp://10.0.0.1:8786",
    )
    add(
        "--device",
        default="auto",
        help="auto, cpu, cuda, cuda:1, ... (default: auto; elsewhere: cpu)",
    )
    add("--plan", action="store_true", help="print what would be run and how long it takes; no run")
    add("--wide", action="store_true", help="print all columns, also on a narrow terminal")
    add("--retry-failed", action="store_true", help="run recorded failures again")
    add(
        "--rerun-changed",
        action="store_true",
        help="run again what other code has made: another version of the method, the backbone, "
        "training or evaluation (comments and docstrings do not count)",
    )


def check_names(options: argparse.Namespace) -> None:
    """Raise UserError where a preset, dataset or method is none, or a list is empty.

    Files of one's own are registered, and the names of methods and backbones take their place.
    """
    if options.preset not in PRESETS:
        raise unknown("preset", options.preset, PRESETS)
    if options.extend:
        from bench.runs import extensions  # and scipy

        for path in options.extend:
            extensions.add_file(Path(path))
    for option in ("datasets", "methods"):
        if getattr(options, option) == []:
            raise UserError(f"--{option}: must name at least one; leave it out for the default")
    if options.methods is not None:
        options.methods = [registered(METHODS, method) for method in options.methods]
    if options.backbone is not None:
        options.backbone = registered(BACKBONES, options.backbone)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The parsed options of a command that makes runs."""

    seeds: Sequence[int]
    sweep: SweepSettings
    workers: int


def read(options: argparse.Namespace, default_seeds: Sequence[int] | None = None) -> Asked:
    """Check the options, and have workers import what runs need while this process plans."""
    check_names(options)
    preset = PRESETS[options.preset]
    given = options.seeds or []
    if len(given) > 1:
        raise UserError("--seeds is there twice; give it once, for example 0,1,2")
    seeds = read_seeds(given[0]) if given else default_seeds or preset.seeds
    check_workers(options.workers, options.scheduler)
    rows = dataset_rows(options, preset.datasets)
    if not options.plan:
        begin_workers(options)
    device = default_device(options.device, elsewhere=options.scheduler is not None)
    sweep = SweepSettings(
        results=options.results,
        data=options.data,
        device=device,
        rows={row.name: row for row in rows},
    )
    workers = default_workers(device) if options.workers is None else options.workers
    return Asked(seeds=seeds, sweep=sweep, workers=workers)


def request(options: argparse.Namespace, asked: Asked) -> Request:
    """The request that is to be planned."""
    from bench.runs.plan import Request  # and torch: not for -h

    return Request(
        datasets=list(asked.sweep.rows.values()),
        methods=options.methods or method_names(),
        seeds=asked.seeds,
        preset=options.preset,
        backbone=options.backbone,
        assignments=options.assignments,
    )


def registered(registry: Registry, text: str) -> str:
    """The name of a method or backbone, which is registered where ``text`` is a file."""
    if text.endswith(".py"):
        with as_user_error():
            return registry.add_file(Path(text))
    if text not in registry.names():
        if Path(f"{text}.py").is_file():
            raise UserError(f"unknown {registry.kind} {text!r}; did you mean ./{text}.py?")
        raise unknown(registry.kind, text, registry.names())
    return text


def dataset_rows(options: argparse.Namespace, default: Sequence[str]) -> list[DatasetRow]:
    """The datasets of a request.

    Raises:
        UserError: see `find`, or ``--resize`` without a folder or too small.
    """
    resize = options.resize
    if resize is not None and resize < LEAST_SIDE:
        raise UserError(f"--resize {resize}: must be >= {LEAST_SIDE}")
    rows = [find(spec, task=options.task, resize=resize) for spec in options.datasets or default]
    if resize is not None and not any(row.resize for row in rows):
        raise UserError("--resize is for folders of images of your own; --datasets names none")
    return [row.deduplicated() if options.drop_duplicates else row for row in rows]


class ListDatasets(argparse.Action):
    """Print the table of datasets and end."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **rest)

    def __call__(self, to: argparse.ArgumentParser, *rest: object) -> None:

        sys.stdout.write(listing())
        to.exit()


def read_seeds(text: str) -> list[int]:
    """Read ``--seeds``.

    Raises:
        UserError: not whole numbers of at least 0, or none.
    """
    try:
        found = [int(word) for word in text.split(",") if word]
    except ValueError:
        raise UserError(f"--seeds {text}: must be integers, for example 0,1,2") from None
    if not found or min(found) < 0:
        raise UserError(f"--seeds {text}: must be integers >= 0, for example 0,1,2")
    for seed in found:
        if found.count(seed) > 1:
            raise UserError(f"--seeds {text}: {seed} is there twice; a seed is one run")
    return found


def check_workers(n_workers: int | None, scheduler: str | None) -> None:
    """Raise UserError where there cannot be so many, or a scheduler has its own."""
    if n_workers is not None and n_workers < 0:
        raise UserError(f"--workers {n_workers}: must be >= 0 (0 = in this process)")
    if n_workers is not None and scheduler is not None:
        raise UserError("--workers and --scheduler exclude each other: the scheduler has workers")


LEAST_ADDRESS_SPACE = 4 * 2**30  # bytes: its libraries map 3.2 GB


def begin_workers(options: argparse.Namespace) -> None:
    """Have imported what runs need, in another process, while this one plans.

    Raises:
        UserError: the address space is limited to less than PyTorch takes when it is imported,
            which then hangs or ends without a word.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise UserError(
            f"ulimit -v {limit // 1024}: must be >= {LEAST_ADDRESS_SPACE // 1024}, which importing "
            "PyTorch takes, or unlimited"
        )
    if options.workers != 0 and options.scheduler is None:
        from bench.executors import fork_server  # not for -h

        fork_server.start()
