"""A run of a search whose objectives are measured: trained, and timed right after, in the worker.

    results/search/latency/<run_id>.json      the times, of the form of `bench.records.measurements`

A record never changes; so the times lie beside it, as those of final runs.
What one machine has measured is not measured again by it: an interrupted search goes on from the
times that it has seen.
"""

import logging
from collections.abc import Sequence

from bench.errors import UserError
from bench.records import measurements
from bench.records.schema import FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.environment import processor
from bench.runs.execute import RunStatus, run_and_store
from bench.runs.loaded import dataset_of
from bench.runs.settings import SweepSettings

_log = logging.getLogger(__name__)


def run_timed(config: RunConfig, sweep: SweepSettings, *, wait_for_others: bool) -> RunStatus:
    """One run as `run_and_store` makes it, and its times, unless this machine has taken them.

    What cannot be measured is a failed trial of the search, and no failed run.
    """
    outcome = run_and_store(config, sweep, wait_for_others=wait_for_others)
    if outcome.status != "done":
        return outcome
    store = sweep.store
    with store.lock(config.run_id, wait=True):
        record = store.load(config.run_id)
        if not isinstance(record, FinishedRun) or _is_known(store, config.run_id):
            return outcome
        try:
            _measure(store, record, sweep)
        except UserError:
            raise  # of the data or the store, not of this network
        except Exception as error:
            _log.warning("%s could not be measured", config.run_id, exc_info=True)
            return RunStatus(
                run_id=config.run_id, status="done", unmeasured=f"{type(error).__name__}: {error}"
            )
    return outcome


def check_alone(costs: Sequence[str], workers: int | None, scheduler: str | None) -> None:
    """Raise UserError where runs would disturb each other's times."""
    measured = [key for key in costs if key in measurements.AT_ONCE]
    if measured and (scheduler is not None or (workers or 0) > 1):
        asked = f"--workers {workers}" if scheduler is None else f"--scheduler {scheduler}"
        raise UserError(
            f"{asked} with --costs {','.join(measured)}: a measured time is one only while nothing "
            "else runs on the machine; pass --workers 1, or leave it out: the search then takes "
            "one, the final runs all cores"
        )


def _is_known(store: Store, run_id: str) -> bool:
    found = measurements.load(store.root, run_id)
    return found is not None and found["machine"]["cpu"] == processor()


def _measure(store: Store, record: FinishedRun, sweep: SweepSettings) -> None:
    # Here, because torch and its exporters take seconds and `-h` reads this file too.
    from bench.deploy.export.trained import Trained
    from bench.deploy.latency.measuring import measured_at_once

    row = sweep.row(record.config.dataset)
    dataset = dataset_of(sweep, row.name)
    measurements.save(store.root, measured_at_once(Trained.of(store, record, dataset, row)))
