"""Compare methods on datasets: plan, run what is missing, summarise. `python -m bench.compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import command
from bench.cli import run_options as shared
from bench.runs.presets import PRESETS
from methods import method_names

_EXAMPLES = """examples:
  python -m bench.compare                                  digits and pneumonia, quick preset
  python -m bench.compare --preset smoke                   every method, tiny, on digits
  python -m bench.compare --datasets pneumonia --seeds 0,1,2,3
  python -m bench.compare --methods standard,sae --set sae.n_inputs=2,3 --set epochs=50
  python -m bench.compare --preset paper --plan            what that would run, and how long
  python -m bench.figures                                  draw the figures from results/

presets:
""" + "\n".join(f"  {name:6} {preset.says}" for name, preset in PRESETS.items())


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
        action=shared.StoreOnce,
        metavar="0,1",
        help="run seeds, integers >= 0 (default: the preset's)",
    )
    add(
        "--set", action="append", default=[], metavar="KEY=VALUE[,VALUE]", dest="assignments",
        help="a setting instead of the preset's, e.g. epochs=5, sae.n_exits=2,3",
    )  # fmt: skip
    shared.add_execution_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: all runs are done; 1: some runs failed (they are listed); 2: bad input; 130: Ctrl-C.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _compare(options), when_interrupted=command.RESUMES)


def _compare(options: argparse.Namespace) -> int:
    shared.check_names(options)
    preset = PRESETS[options.preset]
    seeds = shared.seeds(options.seeds) if options.seeds is not None else preset.seeds
    shared.check_workers(options.workers, options.scheduler)
    rows = shared.dataset_rows(options, preset.datasets)

    if not options.plan:
        shared.begin_workers(options)
    # torch is imported from here on: -h and bad names are answered before.
    from bench.executors.device import default_device, default_workers
    from bench.records.store import Reader
    from bench.runs import code
    from bench.runs.leftovers import in_use
    from bench.runs.plan import Request, plan
    from bench.runs.settings import Context
    from bench.runs.sweep import run_missing, unavailable

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
        device=default_device(options.device, elsewhere=options.scheduler is not None),
        rows={row.name: row for row in rows},
    )
    # What was asked for by name has to be there; what a preset brings is skipped if it is not.
    skipped = unavailable(configs, context, required=options.datasets is not None)
    configs = [config for config in configs if config.dataset not in skipped]
    workers = default_workers(context.device) if options.workers is None else options.workers
    if options.plan:
        from bench.runs.forecast import forecast

        sys.stdout.writelines(f"{line}\n" for line in forecast(configs, context, workers=workers))
        return command.OK
    with in_use(context.results):
        failed = run_missing(
            configs,
            context,
            workers,
            retry_failed=options.retry_failed,
            rerun_changed=options.rerun_changed,
            scheduler=options.scheduler,
        )
    from bench.tables.printed import summarise  # and pandas: no run waits for it

    summarise(
        [config.run_id for config in configs],
        context.results,
        [
            *(f"skipped {name}: {reason}" for name, reason in skipped.items()),
            *code.notes(code.made_by_other_code(configs, Reader(context.results))),
        ],
        wide=options.wide,
    )
    return command.SOME_FAILED if failed else command.OK


if __name__ == "__main__":
    command.run(main)
