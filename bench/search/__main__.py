"""Search settings on validation, then test what was found. `python -m bench.search`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli import run_options as shared
from bench.console import command
from bench.records.store import Reader
from bench.runs.leftovers import in_use
from bench.runs.presets import PRESETS

if TYPE_CHECKING:
    from bench.search.searching import Found
    from bench.search.studies import Search

FINAL_SEEDS = (1, 2, 3, 4)

_EXAMPLES = """examples:
  python -m bench.search --datasets pneumonia              all methods, 48 trials each, then 4 seeds
  python -m bench.search --preset smoke                    tiny, on digits: minutes on 2 cores
  python -m bench.search --datasets blood --methods sae --max-flops 2e6 --trials 100
  python -m bench.search --datasets blood --costs flops,params,eager_latency_ms
  python -m bench.search --preset paper --plan             what that would run, and how long
  python -m bench.figures                                  draw the figures from results/

A search sees validation alone, on one seed. Its best trade-offs of performance, calibration and
costs are trained once more on a second search seed; those that stay so are trained on the final
seeds, and only then tested. The same command goes on where it stopped.
"""


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "search", ("Multi-objective Bayesian optimisation of every method's settings."), _EXAMPLES
    )
    shared.add_request_options(parser)
    add = parser.add_argument
    add(
        "--set", action="append", default=[], metavar="KEY=VALUE[,VALUE]", dest="assignments",
        help="fixes a setting, names its choices or its range, e.g. epochs=5, sae.n_exits=2,3, "
        "learning_rate=1e-4..1e-2",
    )  # fmt: skip
    add("--trials", type=int, metavar="T", help="for each method and dataset (default: preset's)")
    add(
        "--budget-core-seconds", type=float, metavar="S",
        help="for each method and dataset, of training and validation: no trial begins after it",
    )  # fmt: skip
    add(
        "--finalists", type=int, default=24, metavar="F",
        help="tested configurations of a method on a dataset, at most (default: 24)",
    )  # fmt: skip
    add(
        "--sampler", default="botorch", help="botorch, tpe, nsgaii, random, grid (default: botorch)"
    )
    add("--batch", type=int, default=8, metavar="Q", help="points proposed together (default: 8)")
    add(
        "--budget",
        choices=("equal", "paper"),
        default="equal",
        help="paper: methods that the paper enumerates take the preset's grid (default: equal)",
    )
    add("--costs", default="flops,params", metavar="A,B", help=(
        "minimised beside the metrics: flops, params, paper_flops, paper_params (the last two as "
        "the paper counts), eager_latency_ms, eager_image_ms, these two measured on this machine "
        "(default: flops,params)"
    ))  # fmt: skip
    add("--max-flops", type=float, metavar="F", help="largest cost of a network, multiply-adds")
    add("--max-params", type=float, metavar="P", help="largest number of parameters")
    add("--search-seed", type=int, default=0, metavar="S", help="of the search (default: 0)")
    add("--seeds", action="append", metavar="1,2", help="final seeds (default: 1,2,3,4)")
    add("--storage", metavar="URL", help="database of the trials (default: a journal in results/)")
    shared.add_execution_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0: all runs are done; 1: some failed (they are listed); 2: bad input; 130: Ctrl-C.
    """
    options = _parser().parse_args(argv)
    return command.answer(lambda: _main(options), when_interrupted=command.RESUMES)


def _main(options: argparse.Namespace) -> int:
    asked = shared.read(options, FINAL_SEEDS)
    # torch is imported from here on: -h and bad names are answered before.
    from bench.search.objectives import Bounds, costs_of
    from bench.search.samplers import check_sampler
    from bench.search.studies import Search, available
    from bench.search.timed import check_alone

    check_sampler(options.sampler)
    costs = costs_of(options.costs)
    check_alone(costs, options.workers, options.scheduler)
    trials = PRESETS[options.preset].trials if options.trials is None else options.trials
    search, skipped = available(
        Search(
            request=shared.request(options, asked),
            n_trials=trials,
            core_seconds=options.budget_core_seconds,
            most_finalists=options.finalists,
            sampler=options.sampler,
            budget=options.budget,
            batch=options.batch,
            bounds=Bounds(flops=options.max_flops, params=options.max_params),
            seed=options.search_seed,
            storage=options.storage,
            costs=costs,
        ),
        asked.sweep,
        required=options.datasets is not None,
    )
    if options.plan:
        from bench.search.forecast import forecast

        searching = dataclasses.replace(asked.sweep, stage="search")
        lines = [*skipped, *forecast(search, searching, workers=asked.workers)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return command.OK
    return _search_and_test(search, skipped, asked, options)


def _search_and_test(
    search: Search, skipped: Sequence[str], asked: shared.Asked, options: argparse.Namespace
) -> int:
    from bench.records.search_budget import budget_lines, budgets
    from bench.runs import code
    from bench.runs.sweep import run_missing

    with in_use(options.results):
        found = _search(search, asked, options)
        failed = run_missing(
            found.configs,
            asked.sweep,
            asked.workers,
            retry_failed=options.retry_failed,
            rerun_changed=options.rerun_changed,
            scheduler=options.scheduler,
        )
    spent = budget_lines(budgets(options.results))
    from bench.search.progress import save_progress  # and pandas: no run waits for it
    from bench.tables.printed import summarise

    save_progress(options.results)
    run_ids = [config.run_id for config in found.configs]
    changed = code.notes(code.made_by_other_code(found.configs, Reader(options.results)))
    notes = [*skipped, *spent.values(), *found.notes, *changed]
    summarise(run_ids, options.results, notes, wide=options.wide)
    return command.SOME_FAILED if failed or found.notes else command.OK


def _search(search: Search, asked: shared.Asked, options: argparse.Namespace) -> Found:
    from bench.runs.execute import engine
    from bench.search.searching import run_plans
    from bench.search.studies import plans
    from bench.search.timed import run_timed

    sweep, workers = dataclasses.replace(asked.sweep, stage="search"), asked.workers
    if search.is_measured and options.workers is None:
        workers = 0  # here, so that nothing is proposed while a network is timed
    run = run_timed if search.is_measured else None
    planned = plans(search, sweep)
    with engine(sweep, workers=workers, scheduler=options.scheduler, run=run) as where:
        return run_plans(planned, sweep, where, search)


if __name__ == "__main__":
    command.run(main)
