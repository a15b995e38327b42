"""Compare methods on datasets: plan, run what is missing, summarise. `python -m bench.compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bench.cli import run_options as shared
from bench.console import command
from bench.data.task import Task
from bench.records.store import Reader
from bench.runs.leftovers import in_use
from bench.runs.presets import PRESETS

if TYPE_CHECKING:
    from bench.api.results import Results
    from bench.runs.config import RunConfig

_EXAMPLES = """examples:
  python -m bench.compare                                  digits and pneumonia, quick preset
  python -m bench.compare --preset smoke                   every method, tiny, on digits
  python -m bench.compare --datasets pneumonia --seeds 0,1,2,3
  python -m bench.compare --methods standard,sae --set sae.n_inputs=2,3 --set epochs=50
  python -m bench.compare --preset paper --plan            what that would run, and how long
  python -m bench.figures                                  draw the figures from results/

presets:
""" + "\n".join(f"  {name:6} {preset.description}" for name, preset in PRESETS.items())


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "compare",
        (
            "Train, evaluate and cost ensembling methods, and print a table of them. "
            "Runs that results/ has already are not run again."
        ),
        _EXAMPLES,
    )
    shared.add_request_options(parser)
    add = parser.add_argument
    add(
        "--seeds",
        action="append",
        metavar="0,1",
        help="run seeds, integers >= 0 (default: the preset's)",
    )
    add(
        "--set", action="append", default=[], metavar="KEY=VALUE[,VALUE]", dest="assignments",
        help="a setting instead of the preset's, e.g. epochs=5, sae.n_exits=2,3",
    )  # fmt: skip
    add(
        "--log",
        choices=("mlflow", "tensorboard"),
        help="write the finished runs for it too, at the end (bench.records log can at any time)",
    )
    shared.add_execution_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: all runs are done; 1: some runs failed (they are listed); 2: bad input; 130: Ctrl-C.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _compare(options), when_interrupted=command.RESUMES)


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    asked: shared.Asked
    configs: Sequence[RunConfig]
    skipped: Mapping[str, str]


def compare(
    datasets: str | Path | Sequence[str | Path] | None = None,
    methods: str | Path | Sequence[str | Path] | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    seeds: int | Sequence[int] | None = None,
    preset: str = "quick",
    backbone: str | Path | None = None,
    extend: str | Path | Sequence[str | Path] = (),
    task: Task | None = None,
    results: str | Path = "results",
    data: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    retry_failed: bool = False,
    rerun_changed: bool = False,
) -> Results:
    """Run what is missing of a comparison, as ``python -m bench.compare`` does.

    Worker processes import the main script: call this below ``if __name__ == "__main__":`` there,
    or with ``workers=0``.

    Args:
        datasets: names, or paths of data of one's own, or one of them; None: the preset's.
        methods: names, or files; None: all.
        settings: instead of the preset's, for example ``{"epochs": 5, "sae.n_inputs": (2, 3)}``;
            a tuple or list is enumerated.
        seeds: run seeds; None: the preset's.
        preset: "smoke", "quick" or "paper".
        backbone: a name or a file; None: each dataset's own.
        extend: files with metrics and corruptions of one's own.
        task: of data of one's own.
        results: the results folder.
        data: the data folder; None: ``SAE_BENCH_DATA``, else medmnist's own.
        workers: processes; 0: in this one; None: one per core.
        device: "auto", "cpu", "cuda", ...
        retry_failed: run recorded failures again.
        rerun_changed: run again what other code has made.

    Returns:
        All runs of the results folder; a run that failed is in ``.failures``.

    Raises:
        UserError: bad input; the message is that of the command.
    """
    words = ["--preset", preset, "--results", str(results), "--device", device]
    lists = {
        "--datasets": datasets, "--methods": methods, "--seeds": seeds, "--extend": extend or None,
    }  # fmt: skip
    for option, values in lists.items():
        several = [values] if isinstance(values, str | Path | int) else values
        words += [] if several is None else [f"{option}={','.join(map(str, several))}"]
    for option, value in (
        ("--backbone", backbone), ("--task", task), ("--data", data), ("--workers", workers),
    ):  # fmt: skip
        words += [] if value is None else [f"{option}={value}"]
    for key, asked in (settings or {}).items():
        texts = map(str, asked if isinstance(asked, list | tuple) else [asked])
        words += ["--set", f"{key}={','.join(texts)}"]
    words += ["--retry-failed"] * retry_failed + ["--rerun-changed"] * rerun_changed
    options = _parser().parse_args(words)
    _run(_planned(options), options)
    from bench.api.results import load

    return load(results, data=data)


def _compare(options: argparse.Namespace) -> int:
    planned = _planned(options)
    if options.plan:
        from bench.runs.forecast import forecast

        lines = forecast(planned.configs, planned.asked.sweep, workers=planned.asked.workers)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return command.OK
    if options.log is not None:  # before the runs, which take long
        from bench.records import trackers

        trackers.require(options.log)
    failed = _run(planned, options)
    from bench.runs import code
    from bench.tables.printed import summarise  # and pandas: no run waits for it

    changed = code.made_by_other_code(planned.configs, Reader(options.results))
    summarise(
        [config.run_id for config in planned.configs],
        options.results,
        [
            *(f"skipped {name}: {reason}" for name, reason in planned.skipped.items()),
            *code.notes(changed),
        ],
        wide=options.wide,
    )
    if options.log is not None:
        asked = {config.run_id for config in planned.configs}
        runs = (run for run in Reader(options.results).finished() if run.run_id in asked)
        sys.stdout.write(f"{trackers.log(options.log, runs, options.results)}\n")
    return command.SOME_FAILED if failed else command.OK


def _planned(options: argparse.Namespace) -> _Comparison:
    asked = shared.read(options)
    # torch is imported from here on: -h and bad names are answered before.
    from bench.runs.plan import plan
    from bench.runs.sweep import check_fit, unavailable

    configs = plan(shared.request(options, asked))
    # What was asked for by name has to be there; what a preset brings is skipped if it is not.
    rows, sweep = asked.sweep.rows.values(), asked.sweep
    skipped = unavailable(rows, sweep, required=options.datasets is not None)
    kept = [config for config in configs if config.dataset not in skipped]
    check_fit(kept, sweep)
    return _Comparison(asked=asked, configs=kept, skipped=skipped)


def _run(planned: _Comparison, options: argparse.Namespace) -> list[str]:
    """Run what is missing; the ids of the runs that failed."""
    from bench.runs.sweep import run_missing

    with in_use(options.results):
        return run_missing(
            planned.configs,
            planned.asked.sweep,
            planned.asked.workers,
            retry_failed=options.retry_failed,
            rerun_changed=options.rerun_changed,
            scheduler=options.scheduler,
        )


class _CallableModule(ModuleType):
    """`bench.compare` is this module as soon as it is imported, and a function all the same."""

    __call__ = staticmethod(compare)


sys.modules[__name__].__class__ = _CallableModule

if __name__ == "__main__":
    command.run(main)
