"""What a search would try and test, and how long that takes at most: `--plan`."""

from collections.abc import Iterator

from bench.console.progress import duration
from bench.runs.forecast import mean_needs
from bench.runs.settings import SweepSettings
from bench.search.studies import Search, plans

_PROBED = 2  # first points of each plan


def forecast(search: Search, sweep: SweepSettings, *, workers: int) -> Iterator[str]:
    """The lines of a plan; runs and writes nothing."""
    n_seeds = len(search.request.seeds)
    seconds = n_bytes = 0.0
    for plan in plans(search, sweep):
        most = min(search.most_finalists, plan.n_trials)
        yield (
            f"{plan.facts['dataset']}, {plan.facts['method']}: at most {plan.n_trials} trials "
            f"({plan.sampler}; varies {', '.join(plan.facts['space']) or 'nothing'}), then at "
            f"most {most} configurations on {n_seeds} seeds"
        )
        first = [plan.space.config(point, seed=plan.run_seed) for point in plan.design[:_PROBED]]
        needs = mean_needs(first, sweep)
        # Of the contenders, at most twice the finalists, each is trained on a second seed.
        seconds += needs.seconds * (plan.n_trials + most * (2 + n_seeds))
        n_bytes += needs.n_bytes * (plan.n_trials + most * (2 + n_seeds))
    yield (
        f"at most about {duration(seconds / max(workers, 1))} on {max(workers, 1)} worker(s) and "
        f"{n_bytes / 1e6:.0f} MB, by one step and some predictions of {_PROBED} points of each "
        "method on this machine; what is there already is not run again"
    )
    yield "nothing was run"
