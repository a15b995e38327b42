"""What is known of an exported network, as JSON values: of export.json and of the card."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bench import cost
from bench.deploy.export.check import TOLERANCE, Agreement, Outputs, mixture_metrics
from bench.deploy.export.exported import DEFAULT_SEED
from bench.deploy.export.trained import Trained
from bench.metrics.table import label_of
from bench.records.frames import frames_of
from bench.records.schema import FinishedRun
from bench.statistics.intervals import intervals
from bench.statistics.predictions import stored
from methods.core.dropout import rate_of
from methods.core.method import Predictor

Facts = dict[str, Any]

_PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "safetensors")


def gather(
    trained: Trained,
    results: Path,
    predictor: Predictor,
    aside: Path,
    *,
    checks: Mapping[str, Agreement],
    default: Outputs | None,
    masks: npt.NDArray[np.bool_] | None,
    command: str,
) -> Facts:
    """All facts of an export."""
    record = trained.record
    return {
        "made_by": "bench.export",
        "command": command,
        "run_id": record.run_id,
        "category": record.category,
        "label": record.label,
        "config": msgspec.to_builtins(record.config),
        "temperature": record.temperature,
        "dataset": _dataset(trained),
        "metrics": _metrics(record, results),
        "cost": _cost(trained),
        "checks": {"tolerance": TOLERANCE, **{name: _check(one) for name, one in checks.items()}},
        "masks": _masks(trained, results, predictor, masks, default),
        "files": {path.name: _file(path) for path in sorted(aside.iterdir())},
        "trained_in": msgspec.to_builtins(record.environment),
        "exported_in": {
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    }


def _dataset(trained: Trained) -> Facts:
    dataset, row = trained.dataset, trained.row
    recorded = msgspec.to_builtins(trained.record.dataset)
    known = ("name", "task", "n_classes", "shape", "sizes", "target_range", "fingerprint",
             "duplicates", "drop_duplicates", "resize", "flags")  # fmt: skip
    return {
        **{key: value for key, value in recorded.items() if key in known},
        "class_names": list(dataset.class_names),
        "source": row.source,
        "citation": row.citation,
        "mean": dataset.mean_Q.tolist(),
        "std": dataset.std_Q.tolist(),
        "corruptions": list(trained.record.metrics.corruptions),
        "shift_images": trained.record.dataset.shift_images,
    }


def _metrics(record: FinishedRun, results: Path) -> list[Facts]:
    """Every test and OOD metric of this run with its 95% interval over test images."""
    frames = replace(frames_of([record]), root=results)
    table = intervals(frames, [record.config_id], splits=("test", "ood"))
    task = record.dataset.task
    numbers = ("estimate", "low", "high")
    return [
        {
            "split": row["split"],
            "metric": row["metric"],
            "label": label_of(task, row["metric"]),
            **{key: float(row[key]) if np.isfinite(row[key]) else None for key in numbers},
        }
        for row in table.to_dict("records")
    ]


def _cost(trained: Trained) -> Facts:
    counted = cost.costs_of(trained.method.pruned(), trained.shape).as_dict()
    return {key: counted[key] for key in ("flops", "params", "paper_flops", "paper_params")}


def _check(one: Agreement) -> Facts:
    metrics = {key: max(abs(new - old), 0.0) for key, (old, new) in one.metrics.items()}
    return {
        "test_images": one.n_images,
        "largest_difference": one.largest_difference,
        "largest_metric_difference": max(d for d in metrics.values() if np.isfinite(d)),
        "metrics": sorted(metrics),
    }


def _masks(
    trained: Trained,
    results: Path,
    predictor: Predictor,
    masks: npt.NDArray[np.bool_] | None,
    default: Outputs | None,
) -> Facts | None:
    if masks is None or default is None:
        return None
    recorded = stored(results, trained.record.run_id, "test")
    return {
        "passes": masks.shape[1],
        "entries": masks.shape[2],
        "rate": rate_of(predictor),
        "default_seed": DEFAULT_SEED,
        "test_metrics_of_default_masks": mixture_metrics(trained, recorded, default),
    }


def _file(path: Path) -> Facts:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
