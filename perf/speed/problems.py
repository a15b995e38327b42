"""The problems that are timed: a dataset, its backbone, and the point of SAE on it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.runs.config import RunConfig
from bench.runs.plan import Request, plan


@dataclass(frozen=True, kw_only=True)
class TimedProblem:
    """One problem.

    Attributes:
        label: for tables and figures.
        assignments: as for ``--set``; the rest is default.
        epochs: of the whole job.
        seeds: of the whole job.
        rounds: how often every side of the whole job is timed.
    """

    label: str
    assignments: tuple[str, ...]
    epochs: int
    seeds: int
    rounds: int


_POINT = ("sae.n_inputs=2", "sae.n_exits=2")
PROBLEMS = {
    "pneumonia": TimedProblem(
        label="FC", assignments=(*_POINT, "fc.width=128", "fc.depth=4"),
        epochs=20, seeds=4, rounds=3,
    ),
    "blood": TimedProblem(
        label="VGG", assignments=(*_POINT, "vgg.width=16", "vgg.depth=4"),
        epochs=1, seeds=2, rounds=1,
    ),
    "retina": TimedProblem(
        label="ViT", assignments=(*_POINT, "vit.width=64", "vit.depth=4"),
        epochs=12, seeds=2, rounds=1,
    ),
}  # fmt: skip


def configs(
    dataset: str,
    *,
    epochs: int,
    seeds: int = 1,
    method: str = "sae",
    assignments: tuple[str, ...] = (),
) -> list[RunConfig]:
    """The runs of seeds 0, 1, ... of a problem's point, or of other settings.

    Args:
        dataset: a name of the table, with a backbone of its row.
        epochs: of each run.
        seeds: how many.
        method: whose.
        assignments: as for ``--set``; none: those of the problem.
    """
    chosen = assignments or PROBLEMS[dataset].assignments
    found = plan(
        Request(
            datasets=[dataset],
            methods=[method],
            seeds=range(seeds),
            preset="paper",  # of which everything that has a grid is assigned
            assignments=(*chosen, f"epochs={epochs}", "batch_size=128"),
        )
    )
    assert len(found) == seeds, f"{len(found)} runs of {chosen}: a setting was left to its grid"
    return found
