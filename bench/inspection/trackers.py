"""Finished runs for MLflow and TensorBoard: written from records, after the training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.records.schema import FinishedRun


def to_tensorboard(records: Iterable[FinishedRun], folder: Path) -> int:
    """Write one folder of events per run; a run that has one is left as it is.

    Args:
        records: what is written.
        folder: as for ``tensorboard --logdir``.

    Returns:
        How many runs were added.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary as hparams
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    count = 0
    for record in records:
        if (folder / record.run_id).exists():
            continue
        writer = EventFileWriter(str(folder / record.run_id))
        writer.add_event(Event(summary=hparams.session_start_pb(settings(record))))
        for step, name, value in values(record):
            point = Summary.Value(tag=name, simple_value=value)
            writer.add_event(Event(step=step, summary=Summary(value=[point])))
        writer.add_event(Event(summary=hparams.session_end_pb("STATUS_SUCCESS")))
        writer.close()
        count += 1
    return count


def to_mlflow(records: Iterable[FinishedRun], uri: str) -> int:
    """Add each run to the experiment of its data set; one that is there already is passed over.

    Args:
        records: what is written.
        uri: of the tracking server or database, as ``MLFLOW_TRACKING_URI``.

    Returns:
        How many runs were added.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client, count = MlflowClient(uri), 0
    for record in records:
        name = f"sae-bench {record.config.dataset}"
        experiment = client.get_experiment_by_name(name)
        found = experiment.experiment_id if experiment else client.create_experiment(name)
        if client.search_runs([found], f"attributes.run_name = '{record.run_id}'"):
            continue
        run_id = client.create_run(found, run_name=record.run_id).info.run_id
        points = [Metric(key, value, 0, step) for step, key, value in values(record)]
        for start in range(0, len(points), _MOST_AT_ONCE):
            client.log_batch(run_id, metrics=points[start : start + _MOST_AT_ONCE])
        client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in settings(record).items()],
            tags=[RunTag("category", record.category)],
        )
        client.set_terminated(run_id)
        count += 1
    return count


_MOST_AT_ONCE = 1000  # metrics of a request to an MLflow server


def settings(record: FinishedRun) -> dict[str, str | float | bool]:
    """All settings by name, with their group."""
    config = record.config
    groups = {
        config.method.name: config.method.settings,
        config.backbone.name: config.backbone.settings,
        "train": config.training,
    }
    found: dict[str, str | float | bool] = {"method": config.method.name, "seed": config.seed}
    for group, own in groups.items():
        found |= {f"{group}.{name}": value for name, value in own.items()}
    return found


def values(record: FinishedRun) -> Iterator[tuple[int, str, float]]:
    """(epoch, name, value): validation per epoch; metrics and costs at the last one."""
    for epoch in record.history:
        for name, value in epoch.val.items():
            if value is not None:
                yield epoch.epoch, f"epoch/val/{name}", value
    last = len(record.history)
    for split, scores in (("val", record.metrics.val), ("test", record.metrics.test or {})):
        for name, value in scores.items():
            if value is not None:
                yield last, f"{split}/{name}", value
    yield last, "cost/flops", float(record.cost.flops)
    yield last, "cost/params", float(record.cost.params)
