"""What a search would try and test, and how long that takes at most: `--plan`."""

from collections.abc import Iterator

from bench.progress import duration
from bench.runs.config import RunConfig
from bench.runs.forecast import mean_needs
from bench.runs.settings import SweepSettings
from bench.search.studies import Search, Study, studies

_PROBED = 2  # first points of each study


def forecast(search: Search, sweep: SweepSettings, *, workers: int) -> Iterator[str]:
    """The lines of a plan; runs and writes nothing."""
    n_seeds = len(search.request.seeds)
    seconds = n_bytes = 0.0
    for study in studies(search, sweep):
        plan, most = study.plan, min(search.most_finalists, study.plan.n_trials)
        yield (
            f"{study.facts['dataset']}, {study.facts['method']}: at most {plan.n_trials} trials "
            f"({plan.sampler}; varies {', '.join(study.facts['space']) or 'nothing'}), then at "
            f"most {most} configurations on {n_seeds} seeds"
        )
        needs = mean_needs(_first_configs(study), sweep)
        # Of the contenders, at most twice the finalists, each is trained on a second seed.
        seconds += needs.seconds * (plan.n_trials + most * (2 + n_seeds))
        n_bytes += needs.n_bytes * (plan.n_trials + most * (2 + n_seeds))
    yield (
        f"at most about {duration(seconds / max(workers, 1))} on {max(workers, 1)} worker(s) and "
        f"{n_bytes / 1e6:.0f} MB, by one step and some predictions of {_PROBED} points of each "
        "method on this machine; what is there already is not run again"
    )
    yield "nothing was run"


def _first_configs(study: Study) -> list[RunConfig]:
    plan = study.plan
    return [plan.space.config(point, seed=plan.run_seed) for point in plan.design[:_PROBED]]
