"""Records made by hand: what a test does not give is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bench.records.schema import (
    Config,
    FailedRun,
    FinishedRun,
    Record,
    RecordError,
    record_of,
    run_id_of,
)

if TYPE_CHECKING:  # it imports torch, which processes that have a store do without
    from bench.runs.config import RunConfig

_DATASET: dict[str, Any] = {
    "task": "classification",
    "n_classes": 3,
    "shape": [8, 8, 1],
    "sizes": {"train": 60, "val": 20, "test": 20},
    "shift_images": 20,
    "fingerprint": "f" * 64,
    "corruptions": ["c" * 64],
}
_CONFIG: dict[str, Any] = {
    "dataset": "digits",
    "method": {"name": "standard", "settings": {}},
    "backbone": {"name": "fc", "settings": {}},
    "training": {},
    "seed": 0,
}
_FINISHED: dict[str, Any] = {
    "history": [],
    "temperature": 1.0,
    "metrics": {"val": {}},
    "cost": {"flops": 100, "params": 50, "flops_by_part": {}},
    "timings": {"train_s": 1.0, "train_cpu_s": 1.0, "evaluate_s": 1.0, "evaluate_cpu_s": 1.0},
    "environment": {
        "python": "3.12.1",
        "packages": {},
        "git_commit": None,
        "device": "cpu",
        "machine": "x86_64",
        "threads": 1,
        "peak_memory_mib": 500,
    },
}
_FAILED = {"error": {"type": "ValueError", "message": "no luck", "traceback": ""}}


def made(values: Mapping[str, Any]) -> Record:
    """A record from some of its fields, as JSON values; its ids follow from its configuration."""
    config = _filled(_CONFIG, values.get("config", {}))
    failed = values.get("status") == "failed"
    filled = _filled(
        {
            "status": "done",
            "config_id": "0123",
            "category": "Standard NN",
            "label": "",
            **(
                _FAILED
                if failed
                else {**_FINISHED, "dataset": _DATASET | {"name": config["dataset"]}}
            ),
        },
        {**values, "config": config},
    )
    if not failed:
        costs = filled["cost"]
        papers = {f"paper_{key}": costs[key] for key in ("flops", "params")}
        filled["cost"] = {**costs, **{k: v for k, v in papers.items() if k not in costs}}
    filled["run_id"] = run_id_of(_config(config), filled["config_id"])
    # Through JSON, as records are: NaN is null, a severity a text.
    return record_of(msgspec.json.decode(msgspec.json.encode(filled)))


def fields(config: RunConfig) -> dict[str, Any]:
    """The fields that a configuration gives a record, as JSON values."""
    return {
        "config": config.as_dict(),
        "config_id": config.config_id,
        "category": config.category,
        "label": config.label,
    }


def finished(values: Mapping[str, Any]) -> FinishedRun:
    """The same of a finished run."""
    record = made(values)
    assert isinstance(record, FinishedRun)
    return record


def failed(values: Mapping[str, Any]) -> FailedRun:
    """The same of a failed run."""
    record = made({**values, "status": "failed"})
    assert isinstance(record, FailedRun)
    return record


def changed(record: Record, **values: Any) -> Record:
    """A record with other values of some fields, by dotted name with two underscores."""
    fields = msgspec.to_builtins(record, str_keys=True)
    for name, value in values.items():
        *path, last = name.split("__")
        place = fields
        for key in path:
            place = place[key]
        place[last] = value
    return made(fields)


def _filled(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults with values over them, tables of tables one by one."""
    found = dict(defaults)
    for key, value in values.items():
        below = found.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        found[key] = _filled(below or {}, value) if both else value
    return found


def _config(values: dict[str, Any]) -> Config:
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise RecordError(str(error)) from None
