"""Finished runs for MLflow and TensorBoard: written from records, after the training."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.errors import UserError
from bench.records.frames import split_rows
from bench.records.schema import FinishedRun
from bench.storage import atomic

if TYPE_CHECKING:
    from mlflow import MlflowClient

Tracker = Literal["mlflow", "tensorboard"]
TRACKERS: tuple[Tracker, ...] = ("mlflow", "tensorboard")
Value = tuple[int, str, float]
"""Epochs done, name of the value, value."""


def require(tracker: Tracker) -> None:
    """Raise ModuleNotFoundError, which names the extra, where the tracker is not installed."""
    if tracker == "mlflow":
        import mlflow  # noqa: F401
    else:
        import tensorboard  # noqa: F401


def log(
    tracker: Tracker, records: Iterable[FinishedRun], results: Path, target: str | None = None
) -> str:
    """Write the finished runs that the target lacks.

    Args:
        tracker: for which they are written.
        records: what is written.
        results: their folder.
        target: a folder for TensorBoard, a URI for MLflow; None: one in ``results``, or the
            environment's ``MLFLOW_TRACKING_URI``.

    Returns:
        A line: how many runs were added, and the command that shows them.

    Raises:
        UserError: MLflow refuses the target.
    """
    if tracker == "tensorboard":
        folder = Path(target or results / "tensorboard")
        count, place = to_tensorboard(records, folder), f"tensorboard --logdir {folder}"
    else:
        default = f"sqlite:///{results / 'mlflow.db'}"
        uri = target or os.environ.get("MLFLOW_TRACKING_URI") or default
        count, place = to_mlflow(records, uri), f"mlflow ui --backend-store-uri {uri}"
    return f"{count} runs written for {tracker}; to look at them: {place}"


def to_tensorboard(records: Iterable[FinishedRun], folder: Path) -> int:
    """Write one file of events per run, in a folder of its own; a run that has one is left.

    Returns:
        How many runs were added.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    count = 0
    for record in records:
        path = folder / record.run_id / "events.out.tfevents.0.sae-bench"
        if path.exists():
            continue
        atomic.folder_to_write(path.parent)
        now = time.time()
        events = [
            Event(wall_time=now, file_version="brain.Event:2"),
            Event(wall_time=now, summary=hparams_pb(settings(record), trial_id=record.run_id)),
        ]
        for step, name, value in values(record):
            point = Summary.Value(tag=name, simple_value=value)
            events.append(Event(wall_time=now, step=step, summary=Summary(value=[point])))
        with atomic.replacing(path) as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
        count += 1
    return count


def to_mlflow(records: Iterable[FinishedRun], uri: str) -> int:
    """Add each run to the experiment of its data set; a run that is there as a whole is left.

    Args:
        records: what is written.
        uri: of the tracking server or database, as ``MLFLOW_TRACKING_URI``.

    Returns:
        How many runs were added.

    Raises:
        UserError: MLflow refuses the URI.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    by_dataset: dict[str, list[FinishedRun]] = {}
    for record in records:
        by_dataset.setdefault(record.config.dataset, []).append(record)
    count = 0
    try:
        client = MlflowClient(uri)
        for dataset, found in by_dataset.items():
            name = f"sae-bench {dataset}"
            known = client.get_experiment_by_name(name)
            experiment = known.experiment_id if known else client.create_experiment(name)
            whole = _whole_runs(client, experiment)
            for record in found:
                if record.run_id in whole:
                    continue
                run_id = client.create_run(experiment, run_name=record.run_id).info.run_id
                now = int(1000 * time.time())
                points = [Metric(key, value, now, step) for step, key, value in values(record)]
                params = [Param(key, str(value)) for key, value in settings(record).items()]
                tags = [RunTag("category", record.category), RunTag("label", record.label)]
                client.log_batch(run_id, params=params, tags=tags, metrics=points[:_MOST_AT_ONCE])
                for start in range(_MOST_AT_ONCE, len(points), _MOST_AT_ONCE):
                    client.log_batch(run_id, metrics=points[start : start + _MOST_AT_ONCE])
                client.set_terminated(run_id)
                count += 1
    except (MlflowException, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in _OF_DATABASES:
            raise
        raise UserError(f"MLflow refuses {uri}: {str(error).splitlines()[0]}") from error
    return count


_MOST_AT_ONCE = 800  # metrics of a request: with all parameters, less than the 1000 of a server
_OF_DATABASES = ("alembic", "sqlalchemy")


def _whole_runs(client: MlflowClient, experiment: str) -> set[str]:
    """Names of the finished runs of an experiment; what a killed command has left is deleted."""
    names, token = set(), None
    while True:
        page = client.search_runs([experiment], page_token=token)
        for run in page:
            if run.info.status == "FINISHED":
                names.add(run.info.run_name)
            else:
                client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return names


def settings(record: FinishedRun) -> dict[str, str | float | bool]:
    """All settings by name, with their group."""
    found = {"category": record.category, **record.config.flat}
    return {name: "" if value is None else value for name, value in found.items()}


def values(record: FinishedRun) -> Iterator[Value]:
    """Training and validation per epoch; metrics, costs and seconds after the last one.

    "ood" is the mean over corruptions and severities.
    """
    for epoch in record.history:
        losses = [part.train_loss for part in epoch.parts if part.train_loss is not None]
        named: dict[str, float | None] = {"train_loss": sum(losses) / len(losses)} if losses else {}
        named |= {f"val/{key}": value for key, value in epoch.val.items()}
        for n, theta_D in enumerate(epoch.theta_ND, start=1):
            named |= {f"theta/input_{n}/exit_{d}": theta for d, theta in enumerate(theta_D, 1)}
        for name, value in named.items():
            if value is not None:
                yield epoch.epoch + 1, f"epoch/{name}", value
    last = len(record.history)
    for row in split_rows(record):
        if row["split"] != "corruption":
            for name in record.metrics.val:
                score = row.get(name)
                if score is not None and math.isfinite(score):
                    yield last, f"{row['split']}/{name}", score
    yield last, "cost/flops", float(record.cost.flops)
    yield last, "cost/params", float(record.cost.params)
    yield last, "cost/train_s", record.timings.train_s
