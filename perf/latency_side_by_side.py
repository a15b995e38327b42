"""Exported networks side by side, from their files: quality, costs, milliseconds, size.

    python -m perf.latency_side_by_side shipped-sae shipped-ensemble

Each argument is a folder that bench.export made. Quality is that of the card; the time is measured
here, all networks in turns, by ONNX Runtime on one thread. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.deploy.export.formats import ONNX
from bench.deploy.export.runtimes import onnx_run
from bench.deploy.latency.timing import Call, interleaved, median_interval
from bench.records.pareto import quality_of

BATCHES = (1, 64)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="samples (200)")
    options = parser.parse_args()
    calls: dict[tuple[Path, int], Call] = {
        (folder, n): _call(folder, n) for folder in options.folders for n in BATCHES
    }
    seconds = interleaved(calls, rounds=options.rounds)
    columns = [
        _column(folder, {n: seconds[folder, n] for n in BATCHES}) for folder in options.folders
    ]
    for key in columns[0]:
        print(f"| {key} | " + " | ".join(str(column[key]) for column in columns) + " |")
        if key == "":
            print("| --- |" + " --- |" * len(columns))


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "export.json").read_text())
    return facts


def _call(folder: Path, n_images: int) -> Call:
    run, shape = onnx_run(folder), _facts(folder)["dataset"]["shape"]
    images = np.random.default_rng(0).integers(0, 256, (n_images, *shape), dtype=np.uint8)
    return lambda: run(images, None)


def _column(folder: Path, seconds: dict[int, Any]) -> dict[str, str]:
    facts = _facts(folder)
    test = {row["metric"]: row for row in facts["metrics"] if row["split"] == "test"}
    cost = facts["cost"]
    column = {"": f"{facts['category']} {facts['label']}"}
    for key in (*quality_of(facts["dataset"]["task"]), "nll"):
        row = test[key]
        column[row["label"]] = f"{row['estimate']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
    for key, what in (("flops", "FLOPs"), ("params", "parameters")):
        column[what] = f"{cost[key]:,}"
        column[f"{what}, as the paper counts"] = f"{cost[f'paper_{key}']:,}"
    for n_images, samples in seconds.items():
        median, low, high = median_interval(1000 * samples / n_images)
        bounds = "" if low is None or high is None else f" [{low:.4f}, {high:.4f}]"
        column[f"ms an image, batch of {n_images}"] = f"{median:.4f}{bounds}"
    column[f"{ONNX}, bytes"] = f"{(folder / ONNX).stat().st_size:,}"
    return column


if __name__ == "__main__":
    main()
