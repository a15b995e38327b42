"""A sweep: the planned runs that can be run, and running those that are missing."""

import contextlib
import logging
from collections.abc import Iterable, Sequence

from bench.console.progress import Progress
from bench.data.dataset import Dataset
from bench.data.inspection import duplicates, flags
from bench.data.row import DatasetRow
from bench.errors import DataUnavailable, UserError, as_user_error
from bench.records.flags import duplicate_lines
from bench.records.schema import FinishedRun, Record
from bench.records.store import Reader, Store
from bench.runs.code import made_by_other_code
from bench.runs.config import RunConfig
from bench.runs.execute import execute
from bench.runs.loaded import dataset_of, prepare_corrupted_tests
from bench.runs.settings import SweepSettings
from methods.core.backbone import ImageShape

_log = logging.getLogger(__name__)


def unavailable(
    rows: Iterable[DatasetRow], sweep: SweepSettings, *, required: bool
) -> dict[str, str]:
    """The datasets that cannot be had, with the reason; what is odd about the others is logged.

    Raises:
        DataUnavailable: one is ``required``.
        UserError: its data are damaged.
    """
    reasons: dict[str, str] = {}
    for row in rows:
        try:
            dataset = dataset_of(sweep, row.name)
        except DataUnavailable as error:
            if required:
                raise
            reasons[row.name] = str(error)
        else:
            for line in [*duplicate_lines(duplicates(dataset)), *flags(dataset)]:
                _log.info("dataset %s: %s", row.name, line)
    return reasons


def check_fit(configs: Sequence[RunConfig], sweep: SweepSettings) -> None:
    """Raise UserError where images do not fit a backbone; warn where a batch is a whole epoch."""
    for name, backbone in {(one.dataset, one.backbone_settings): None for one in configs}:
        dataset = dataset_of(sweep, name)
        height, width, channels = dataset.image_shape
        with as_user_error(f"dataset {name}"):
            backbone.check(ImageShape(channels, height, width))
    sizes = {(one.dataset, one.training.batch_size) for one in configs}
    for name, size in sorted(sizes):
        n_train = len(dataset_of(sweep, name).train.y_B)
        if size > n_train:
            _log.warning(
                "dataset %s: batch_size=%d is more than its %d training images: an epoch is "
                "one step", name, size, n_train,
            )  # fmt: skip


def require_same_data(store: Reader, dataset: Dataset) -> None:
    """TinyImageNet and a part of it bear one name: their runs must not share a folder.

    One finished run speaks for all: none of other data was let in before it.
    """
    records = (store.load(run_id) for run_id in store.run_ids(dataset.name))
    done = (
        record
        for record in records
        # The ids of one's own digits.npz, "digits-<digest>-...", begin as those of digits.
        if isinstance(record, FinishedRun) and record.config.dataset == dataset.name
    )
    record = next(done, None)
    if record is not None and record.dataset.fingerprint != dataset.fingerprint:
        raise UserError(
            f"{store.root} has runs on other data of the name {dataset.name!r}, for example "
            f"{record.run_id} (fingerprint {record.dataset.fingerprint[:12]}, now "
            f"{dataset.fingerprint[:12]}): pass another --results FOLDER, or the --data FOLDER "
            "that they were made on"
        )


def run_missing(
    configs: Sequence[RunConfig],
    sweep: SweepSettings,
    workers: int,
    *,
    retry_failed: bool,
    rerun_changed: bool = False,
    scheduler: str | None = None,
) -> list[str]:
    """Run what the store lacks with progress; the run ids of all failures, old and new.

    Raises:
        UserError: the store has runs on other data of the same name.
    """
    store = Store(sweep.results)
    for name in dict.fromkeys(config.dataset for config in configs):
        require_same_data(store, dataset_of(sweep, name))
    if rerun_changed:
        _set_changed_aside(configs, store)
    missing, failed = [], []
    for config in configs:
        record = store.load(config.run_id)
        if record is not None and record.status == "failed" and retry_failed:
            record = _without_failure(store, config.run_id)
        if record is None:
            missing.append(config)
        elif record.status == "failed":
            failed.append(config.run_id)
    n_there = len(configs) - len(missing)
    _log.info("%d runs, %d of them already in %s", len(configs), n_there, sweep.results)
    _prepare_corruptions(missing, sweep, workers if scheduler is None else 1)
    with (
        Progress(len(missing), unit="run") as progress,
        # Closed at once on Ctrl-C, so that no worker outlives this call.
        contextlib.closing(
            execute(missing, sweep, workers=workers, scheduler=scheduler)
        ) as outcomes,
    ):
        for outcome in outcomes:
            has_failed = outcome.status == "failed"
            progress.update(failed=int(has_failed))
            if has_failed:
                failed.append(outcome.run_id)
                progress.note(f"failed: {outcome.run_id}")
    return failed


def _set_changed_aside(configs: Sequence[RunConfig], store: Store) -> None:
    """Make room for runs that other code has made: nothing is deleted."""
    for run_id in made_by_other_code(configs, store):
        with store.lock(run_id, wait=True):
            if store.load(run_id) is not None:
                store.set_aside(run_id, "made by other code")


def _without_failure(store: Store, run_id: str) -> Record | None:
    """Forget a recorded failure; the record that another process has made meanwhile, if any."""
    with store.lock(run_id, wait=True):
        record = store.claim(run_id)
        if record is not None and record.status == "failed":
            store.remove(run_id)
            return None
        return record


def _prepare_corruptions(
    missing: Sequence[RunConfig], sweep: SweepSettings, processes: int
) -> None:
    """Once, here, rather than by every worker at the same time."""
    for name in dict.fromkeys(config.dataset for config in missing):
        dataset = dataset_of(sweep, name)
        prepare_corrupted_tests(dataset, sweep.cache, processes=processes)
