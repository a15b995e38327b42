"""Part "steps": training steps per second on one device, by 1, 4 and 16 processes at once.

Each process trains a run of its own, as workers do. Steps are taken as they are ("eager") and
captured as a CUDA graph; the share of an eager step that the graph saves is the time in which the
device waits for launches.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch

from bench.runs.execute import prepare_process
from perf.gpu.networks import SHAPES, Running, config, random_dataset
from perf.gpu.report import Report

BATCH = 128
N_STEPS = 20  # of an epoch: so often the clock is looked at
PROCESSES = (1, 4, 16)
METHODS: dict[str, dict[str, Any]] = {"sae": {"n_inputs": 2, "n_exits": 2}, "standard": {}}
WINDOW_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is timed: a method's steps on a backbone, in a mode of ``Running``, for so long."""

    method: str
    backbone: str
    mode: str
    window_s: float
    batch: int


def measure(report: Report, device: torch.device, *, quick: bool) -> None:
    """A row for each method, backbone, number of processes and mode."""
    batch, window_s = (16, 0.05) if quick else (BATCH, WINDOW_S)
    backbones = ["fc"] if quick else list(SHAPES)
    counts = (1, 2) if quick else PROCESSES
    with _processes(max(counts), str(device)) as pipes:
        for n in counts:
            for backbone in backbones:
                for method in METHODS:
                    rates = {}
                    for mode in ("eager", "captured"):
                        cell = Cell(
                            method=method, backbone=backbone, mode=mode, window_s=window_s,
                            batch=batch,
                        )  # fmt: skip
                        rates[mode], remark = _timed(pipes[:n], cell)
                        quantity = f"{backbone}, {method}, {n} processes, {mode}"
                        report.add(quantity, rates[mode], "steps/s", remark)
                    if rates["captured"] and rates["eager"]:
                        share = 100 * (1 - rates["eager"] / rates["captured"])
                        quantity = f"{backbone}, {method}, {n} processes: launch-bound share"
                        report.add(quantity, share, "%", "1 - captured step / eager step")


def _timed(pipes: list[Connection], cell: Cell) -> tuple[float | None, str]:
    """Steps per second of all processes together, and a remark; None where a process failed."""
    for pipe in pipes:
        pipe.send(cell)
    ready = [pipe.recv() for pipe in pipes]
    failed = [each for each in ready if isinstance(each, str)]
    for pipe in pipes:
        pipe.send(not failed)
    if failed:
        return None, failed[0]
    answers: list[tuple[int, float, bool]] = [pipe.recv() for pipe in pipes]
    rate = sum(n / seconds for n, seconds, _ in answers)
    captured = all(each for _, _, each in answers)
    return rate, "" if captured or cell.mode == "eager" else "not captured: see the log"


@contextlib.contextmanager
def _processes(n: int, device: str) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(n):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, device), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    try:
        yield pipes
    finally:
        for process in processes:
            process.kill()
            process.join()


def _serve(pipe: Connection, device: str) -> None:
    """The life of a process: cells, each prepared, then timed once all are ready."""
    prepare_process()
    while True:
        cell: Cell = pipe.recv()
        try:
            running = _prepared(cell, torch.device(device))
        except Exception as error:  # whatever it is, the other cells go on
            pipe.send(f"{type(error).__name__}: {error}".partition("\n")[0])
            pipe.recv()
            continue
        pipe.send(None)
        if pipe.recv():
            pipe.send(_steps_in(running, cell.window_s))
        del running


def _prepared(cell: Cell, device: torch.device) -> Running:
    dataset = random_dataset(SHAPES[cell.backbone], N_STEPS * cell.batch)
    run = config(cell.method, cell.backbone, METHODS[cell.method], {"batch_size": cell.batch})
    running = Running(run, dataset, device, cell.mode)
    running.epoch()
    running.wait()
    return running


def _steps_in(running: Running, window_s: float) -> tuple[int, float, bool]:
    """How many steps, in how many seconds, and whether they were replays."""
    taken, start = 0, time.perf_counter()
    while time.perf_counter() - start < window_s or not taken:
        running.epoch()
        running.wait()
        taken += running.n_steps
    return taken, time.perf_counter() - start, running.captured
