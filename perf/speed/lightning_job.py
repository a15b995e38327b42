"""The whole job in PyTorch Lightning: PIL images, torchvision's transforms, DataLoader.

Logger, checkpoints, progress bar and summary are off, which the usual script leaves on.
"""

from __future__ import annotations

import logging
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from methods.core.backbone import ImageShape
from perf.speed.job import Answer, Job, answer_command_line
from perf.speed.usual_data import pil_split, quiet, targets, usual_transform
from perf.speed.usual_training import BATCH_SIZE, CLIP, network, optimiser, scores


class LightningSAE(lightning.LightningModule):
    """The network of ours as a LightningModule."""

    def __init__(self, job: Job, seed: int, shape: ImageShape, n_steps: int) -> None:
        super().__init__()
        self.job, self.n_steps = job, n_steps
        self.method = network(job, seed, shape)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """The loss of a batch."""
        x_BQHW, labels_B1 = batch
        progress = self.global_step / (self.n_steps - 1)
        loss = self.method.loss(x_BQHW, targets(self.job.problem, labels_B1), progress)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Logs means over the batch, which Lightning averages by its size."""
        x_BQHW, labels_B1 = batch
        found = scores(self.method, x_BQHW, targets(self.job.problem, labels_B1))
        means = {name: value / len(x_BQHW) for name, value in found.items()}
        self.log_dict(means, batch_size=len(x_BQHW))

    def configure_optimizers(self) -> Any:
        """Adam, and a schedule by step."""
        adam, schedule = optimiser(self.method, self.n_steps)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def run(job: Job) -> Answer:
    """Train all seeds, one after the other."""
    quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    transform = usual_transform(job.problem)
    options: Any = {
        "batch_size": BATCH_SIZE,
        "num_workers": job.workers,
        "persistent_workers": job.workers > 0,
    }
    train = DataLoader(pil_split(job.problem, "train", transform), shuffle=True, **options)
    val = DataLoader(pil_split(job.problem, "val", transform), **options)
    shape = ImageShape(*next(iter(val))[0].shape[1:])
    answer = []
    for seed in range(job.seeds):
        lightning.seed_everything(seed, verbose=False)
        model = LightningSAE(job, seed, shape, job.epochs * len(train))
        trainer = _trainer(job.epochs)
        trainer.fit(model, train, val)
        metrics: dict[str, Tensor] = trainer.callback_metrics
        answer.append({name: float(value) for name, value in metrics.items()})
    return answer


def _trainer(epochs: int) -> Any:
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        gradient_clip_val=CLIP,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


if __name__ == "__main__":
    torch.set_float32_matmul_precision("highest")  # the default, said aloud: all sides in float32
    answer_command_line(run)
