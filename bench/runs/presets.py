"""Named amounts of work. What each setting takes in a preset stands beside its default."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Which datasets and seeds a preset runs unless the command line names others.

    Attributes:
        datasets: names; one whose data cannot be had is skipped.
        trials: points that a search tries for each method on each dataset.
    """

    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    description: str


PRESETS = {
    "smoke": Preset(
        datasets=("digits",),
        seeds=(0,),
        trials=20,
        description="every method, tiny: about a minute on 2 cores",
    ),
    "quick": Preset(
        datasets=("digits", "pneumonia"),
        seeds=(0, 1),
        trials=48,
        description="N x K grid and all baselines, 20 epochs: minutes on 2 cores",
    ),
    "paper": Preset(
        datasets=("pneumonia", "blood", "retina", "tinyimagenet"),
        seeds=(0, 1, 2, 3),
        trials=150,
        description="the four problems of the paper, full grids, 100 epochs: days on 2 cores",
    ),
}
