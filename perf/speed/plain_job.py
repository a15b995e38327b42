"""The whole job as a plain PyTorch loop: tensors in memory, DataLoader, and every default.

Default threads, default Adam, one network after the other in one process.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils.data import DataLoader

from methods.core.backbone import ImageShape
from methods.core.method import Method
from perf.speed.job import Answer, Job, answer_command_line
from perf.speed.usual_data import quiet, targets, tensors
from perf.speed.usual_training import BATCH_SIZE, CLIP, network, optimiser, scores

Loader = DataLoader[Any]


def run(job: Job) -> Answer:
    """Train all seeds, one after the other."""
    quiet()
    train, val = tensors(job.problem, "train"), tensors(job.problem, "val")
    answer = []
    for seed in range(job.seeds):
        torch.manual_seed(seed)
        method = network(job, seed, ImageShape(*train.tensors[0].shape[1:]))
        options: Any = {"batch_size": BATCH_SIZE, "num_workers": job.workers}
        loaders = DataLoader(train, shuffle=True, **options), DataLoader(val, **options)
        answer.append(_train(method, job, *loaders))
    return answer


def _train(method: Method[Any], job: Job, train: Loader, val: Loader) -> dict[str, float]:
    n_steps, step = job.epochs * len(train), 0
    adam, schedule = optimiser(method, n_steps)
    found: dict[str, float] = {}
    for _ in range(job.epochs):
        method.train()
        for x_BQHW, labels_B1 in train:
            loss = method.loss(x_BQHW, targets(job.problem, labels_B1), step / (n_steps - 1))
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(method.parameters(), CLIP)
            adam.step()
            schedule.step()
            step += 1
        found = validate(method, job, val)
    return found


def validate(method: Method[Any], job: Job, val: Loader) -> dict[str, float]:
    """Means over the validation split."""
    method.eval()
    sums: Counter[str] = Counter()
    count = 0
    with torch.no_grad():
        for x_BQHW, labels_B1 in val:
            found = scores(method, x_BQHW, targets(job.problem, labels_B1))
            sums.update({name: value.item() for name, value in found.items()})
            count += len(x_BQHW)
    return {name: value / count for name, value in sums.items()}


if __name__ == "__main__":
    answer_command_line(run)
