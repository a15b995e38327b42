"""Part "study": a slice of the reference study, as records that `bench.records merge` takes.

The first 40 classes of Tiny ImageNet with ResNet, by the command that every user has: longer
training of wider networks than the study on a CPU has time for.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import torch

from bench.compare import main as compare
from bench.training.steps import CUDA_GRAPHS
from perf.gpu.report import Report

DATASET, N_CLASSES = "tinyimagenet40", 40
ARCHIVE = "tiny-imagenet-200-subset.zip"
ANNOTATIONS = "val/val_annotations.txt"
SETTINGS = (
    "sae.n_inputs=1,2", "sae.n_exits=2,4", "ensemble.n_members=4", "batch_ensemble.n_members=4",
    "batch_ensemble.adapters=all", "mc_dropout.rate=0.1",
)  # fmt: skip
# Methods, width, depth, epochs, seeds, workers.
WHOLE = ("standard,sae,ensemble,batch_ensemble,mc_dropout", 16, 4, 20, "0,1,2", 6)
QUICK = ("standard", 2, 1, 1, "0", 1)


def measure(
    report: Report, device: torch.device, *, quick: bool, data: Path | None, work: Path
) -> None:
    """Train and test; the records are below ``work``."""
    methods, width, depth, epochs, seeds, workers = QUICK if quick else WHOLE
    chosen = [each for each in SETTINGS if each.partition(".")[0] in methods.split(",")]
    chosen += [
        f"resnet.width={width}",
        f"resnet.depth={depth}",
        f"epochs={epochs}",
        "batch_size=64",
    ]
    command = [
        "--datasets", DATASET, "--preset", "paper",
        *(word for each in chosen for word in ("--set", each)),
        "--methods", methods, "--seeds", seeds, "--device", str(device),
        "--workers", str(workers), "--results", str(work / "results"),
        *(["--data", str(data)] if data else []),
    ]  # fmt: skip
    code = compare(command)
    report.add("python -m bench.compare", code, "", "exit code; its table is in the log")
    if code:
        os.environ[CUDA_GRAPHS] = "0"
        code = compare([*command, "--retry-failed"])
        report.add("python -m bench.compare, steps not captured", code, "", "exit code")


def prepare(source: Path, folder: Path) -> Path:
    """Write the part of Tiny ImageNet that `DATASET` reads, in the official layout.

    Args:
        source: tiny-imagenet-200 as an archive, whole or with fewer training images.
        folder: of the archive that is written; a data folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as official, zipfile.ZipFile(folder / ARCHIVE, "w") as part:
        full = {name.partition("/")[2]: name for name in official.namelist()}
        wnids = official.read(full["wnids.txt"]).decode()
        kept = set(sorted(wnids.split())[:N_CLASSES])
        lines = official.read(full[ANNOTATIONS]).decode().splitlines(keepends=True)
        lines = [line for line in lines if line.split("\t")[1] in kept]
        tested = {f"val/images/{line.split()[0]}" for line in lines}
        part.writestr(full["wnids.txt"], wnids)
        part.writestr(full[ANNOTATIONS], "".join(lines))
        for name, whole in full.items():
            trained = name.startswith("train/") and name.split("/")[1] in kept
            if (trained and name.endswith(".JPEG")) or name in tested:
                part.writestr(whole, official.read(whole))
    return folder / ARCHIVE
