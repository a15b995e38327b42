"""The optimiser's budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from bench.data.row import Augmentation
from methods.core.space import Settings, setting


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """The optimiser's budget, the same for every method.

    Attributes:
        epochs: passes over the training split; there is no early stop.
        batch_size: B; the last batch of an epoch may be shorter.
        learning_rate: Adam's at the start; it falls to 0 along half a cosine.
        weight_decay: Adam's (L2), on parameters whose group takes it.
        clip: largest gradient norm of a parameter group, per mean NLL that the loss sums (SAE: one
            per input).
        augment: of the training images; "dataset" is the choice of the dataset's row.
        keep: the weights after the last epoch, or those of the lowest validation NLL.
    """

    epochs: int = setting(20, at_least=1, smoke=(5,), paper=(100,))
    batch_size: int = setting(128, at_least=2)
    learning_rate: float = setting(1e-3, above=0.0, log=True)
    weight_decay: float = setting(1e-4, at_least=0.0)
    clip: float = setting(5.0, above=0.0)
    augment: str = setting("dataset", choices=("dataset", *get_args(Augmentation)))
    keep: str = setting("last", choices=("last", "best"))

    @classmethod
    def owner(cls) -> str:
        """The group is `train`, whatever this file is called."""
        return "train"
