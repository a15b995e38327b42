"""Measured numbers beside the records, and as columns of the `runs` frame. No torch.

    results/latency/<run_id>.json      what bench.latency measured of a run, and on which machine

A record never changes; what a machine measures of its network lies beside it. The schema is
in docs/latency.md. A run that is measured anew gets a new file.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pandas as pd

from bench.records import text
from bench.records.files import regular_size
from bench.records.schema import Line, RecordError, RunId, Sha256
from bench.records.store import storage_errors, write_file

_log = logging.getLogger(__name__)

Measurement = dict[str, Any]

_Number = Annotated[float, msgspec.Meta(ge=0)]
_Triple = tuple[_Number, _Number | None, _Number | None]  # median, low, high


class _Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a file."""

    run_id: RunId
    measured_at: Line = ""
    machine: dict[Line, Any]
    protocol: dict[Line, Any] = {}
    timings: dict[Line, dict[Line, _Triple]]
    network: dict[Line, _Number]
    digest: Sha256
    memory_mib: dict[Line, _Number] = {}
    image_mj: dict[Line, _Number] = {}

    def __post_init__(self) -> None:
        if not isinstance(self.machine.get("cpu"), str):
            raise ValueError("machine.cpu is missing")  # noqa: TRY004 - msgspec takes ValueError


# How a network is run, in the order of its way out of the benchmark.
RUNTIMES: Mapping[str, str] = {
    "full": "Trained network",
    "eager": "Deployed network",
    "pt2": "torch.export",
    "onnx": "ONNX Runtime",
}
_PER_RUNTIME: Mapping[str, str] = {
    "latency_ms": "one image (ms)",
    "image_ms": "an image of a batch (ms)",
    "memory_mib": "peak memory (MiB)",
    "image_mj": "energy of an image (mJ)",
}
_OF_THE_NETWORK: Mapping[str, str] = {
    "onnx_mib": "ONNX file (MiB)",
    "pt2_mib": "torch.export file (MiB)",
    "weights_mib": "Weights (MiB)",
}

# Every measured number that can be an axis or an objective, with its label. Lower is better.
MEASURES: Mapping[str, str] = {
    f"{runtime}_{key}": f"{name}, {label}"
    for runtime, name in RUNTIMES.items()
    for key, label in _PER_RUNTIME.items()
} | dict(_OF_THE_NETWORK)
LOW, HIGH = "_low", "_high"

# What a search can measure right after a training, and so have as objectives: no file is needed.
AT_ONCE = ("eager_latency_ms", "eager_image_ms")


def folder(results: Path) -> Path:
    """Where the measurements of a results folder lie."""
    return results / "latency"


def save(results: Path, measurement: Measurement) -> Path:
    """Write one run's measurement, whole or not at all."""
    with storage_errors(results):
        folder(results).mkdir(exist_ok=True)
    path = _path(results, measurement["run_id"])
    sealed = {**measurement, "digest": text.digest_of(measurement)}
    write_file(path, (json.dumps(sealed, indent=1) + "\n").encode())
    return path


def load(results: Path, run_id: str) -> Measurement | None:
    """One run's measurement; None where it was not measured, or, with a warning, is damaged."""
    path = _path(results, run_id)
    with storage_errors(results):
        if regular_size(path) is None:
            return None
        try:
            return _read(path)
        except RecordError as damage:
            _log.warning("measurement %s is damaged and left out: %s", path, damage)
            return None


def _read(path: Path) -> Measurement:
    try:
        values = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        msgspec.convert(values, _Schema)
    except (ValueError, RecursionError) as error:
        raise RecordError(str(error)) from None
    if values.pop("digest") != text.digest_of(values) or values["run_id"] != path.stem:
        raise RecordError("it does not match its digest")
    return values


def damages(results: Path) -> Iterator[tuple[Path, str]]:
    """Each damaged measurement of a results folder, with the reason."""
    with storage_errors(results):
        for path in _paths(results):
            try:
                _read(path)
            except RecordError as damage:
                yield path, str(damage)


def _paths(results: Path) -> list[Path]:
    paths = sorted(folder(results).glob("*.json"))
    return [path for path in paths if regular_size(path) is not None]


def measurements(results: Path) -> list[Measurement]:
    """All intact measurements of a results folder, by run id; none where none were made."""
    with storage_errors(results):
        found = (load(results, path.stem) for path in _paths(results))
        return [measurement for measurement in found if measurement is not None]


def measured_values(results: Path, run_id: str) -> dict[str, float] | None:
    """`MEASURES` of one run, by key; None where it was not measured."""
    measurement = load(results, run_id)
    if measurement is None:
        return None
    return {key: value for key, value in flat(measurement).items() if key in MEASURES}


def _path(results: Path, run_id: str) -> Path:
    return folder(results) / f"{run_id}.json"


def flat(measurement: Measurement) -> dict[str, Any]:
    """One measurement as columns: run_id, machine, `MEASURES` with their `LOW` and `HIGH`."""
    row: dict[str, Any] = {
        "run_id": measurement["run_id"],
        "machine": measurement["machine"]["cpu"],
    }
    for runtime, timings in measurement["timings"].items():
        for key, (median, low, high) in timings.items():
            name = f"{runtime}_{key}"
            row |= {name: median, f"{name}{LOW}": low, f"{name}{HIGH}": high}
    for what in ("memory_mib", "image_mj"):
        for runtime, value in measurement.get(what, {}).items():
            row[f"{runtime}_{what}"] = value
    return {**row, **measurement["network"]}


def machines_of(rows: pd.DataFrame) -> str:
    """The machines that measured these rows, for a caption."""
    return ", ".join(sorted(rows["machine"].dropna().astype(str).unique()))


def with_measures(runs: pd.DataFrame, results: Path) -> pd.DataFrame:
    """The `runs` frame with what was measured as further columns.

    A run that was not measured takes the numbers of a measured one of its configuration, if both
    cost the same FLOPs and parameters: other weights do not change the time.

    Returns:
        The same rows; without measurements the same frame.
    """
    rows = [flat(measurement) for measurement in measurements(results)]
    if not rows or runs.empty:
        return runs
    measured = pd.DataFrame(rows).drop_duplicates("run_id")
    merged = runs.merge(measured, on="run_id", how="left", sort=False)
    new = [column for column in measured.columns if column != "run_id"]
    same = merged.groupby(["config_id", "flops", "params"], sort=False)[new].transform("first")
    return merged.assign(**merged[new].fillna(same)).set_axis(runs.index)
