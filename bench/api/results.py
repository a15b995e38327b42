"""A results folder as Python objects: `bench.load`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.deploy.export import choosing
from bench.errors import UserError
from bench.records.frames import Frames, load_frames
from bench.records.schema import FILES, FinishedRun
from bench.records.selection import SELECTION_METRIC
from bench.records.store import Reader
from bench.statistics.predictions import Split, stored
from bench.tables.summary import summary_markdown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import nn

    from bench.metrics.predictive import Predictive


@dataclass(frozen=True, kw_only=True)
class Results:
    """The runs of a results folder, as they were when they were first looked at.

    Attributes:
        data: the data folder; None: ``SAE_BENCH_DATA``, else medmnist's own.
    """

    folder: Path
    data: Path | None = None

    @cached_property
    def frames(self) -> Frames:
        """All tables that figures and statistics are made of."""
        return load_frames(self.folder)

    @property
    def runs(self) -> pd.DataFrame:
        """One row per finished run and split, see `bench.records.frames.Frames`."""
        return self.frames.runs

    @property
    def failures(self) -> pd.DataFrame:
        """One row per failed run, with its error."""
        return self.frames.failures

    def record(self, run_id: str) -> FinishedRun:
        """Everything that is recorded of a run: configuration, history, metrics, cost, timings.

        Raises:
            UserError: there is no finished run of that id; the message names near ones.
        """
        return choosing.named(Reader(self.folder, checked=FILES), run_id)

    def best(
        self,
        metric: str = SELECTION_METRIC,
        *,
        dataset: str | None = None,
        method: str | None = None,
        category: str | None = None,
        max_flops: float | None = None,
        max_params: float | None = None,
    ) -> str:
        """The id of the best run by a metric on *validation*, within limits.

        Args:
            metric: key of `bench.metrics.table`, for example "nll" or "ece".
            dataset: needed where there are runs of several.
            method: of this method alone.
            category: of this category alone, for example "I/B".
            max_flops: largest FLOPs (fused multiply-adds) for one image.
            max_params: largest number of parameters.

        Raises:
            UserError: as `bench.deploy.export.choosing.best`.
        """
        wish = choosing.Wish(
            metric=metric, dataset=dataset, method=method, category=category,
            max_flops=max_flops, max_params=max_params,
        )  # fmt: skip
        return choosing.best(self.runs, wish)

    def model(self, run_id: str, *, own: str | Path | None = None) -> nn.Module:
        """The deployed network of a run, on the CPU and in evaluation mode.

        It maps uint8 images (B, H, W, Q) to a dictionary: "probabilities" and "log_probabilities"
        (B, C) of a classifier, "mean" and "variance" (B,) of a regression, in units of the targets.

        Args:
            run_id: of a finished run.
            own: where the data are, of a run on one's own: images are normalised with the
                statistics of their training split.

        Raises:
            UserError: there is no such run, or the data are not those that it was trained on.
        """
        from bench.deploy.export.exported import Exported
        from bench.deploy.export.trained import Trained

        trained = Trained.load(
            Reader(self.folder, checked=FILES),
            self.record(run_id),
            data=self.data,
            own=None if own is None else str(own),
        )
        return Exported.of(trained, trained.method.deployed(), draws=True)

    def predictions(self, run_id: str, split: Split = "test") -> Predictive:
        """The stored predictions of a run: members, weights, mixture and targets.

        Raises:
            UserError: there is no such run, or it has no predictions of that split.
        """
        self.record(run_id)
        return stored(self.folder, run_id, split)

    def summary(self) -> str:
        """The table that `bench.compare` prints, as Markdown."""
        return summary_markdown(self.runs, [])

    def figures(self, name: str) -> Iterator[tuple[str, Figure]]:
        """(stem of a file, figure) of each figure of that name, for example "pareto".

        Raises:
            UserError: there is no such figure; the message lists the choices.
        """
        from bench import figures

        return figures.load(name)(self.frames)


def load(folder: str | Path = "results", *, data: str | Path | None = None) -> Results:
    """The records of a results folder; reads and never writes.

    Args:
        folder: the results folder.
        data: the data folder, which `Results.model` needs.

    Raises:
        UserError: the folder is absent or has no runs.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; bench.compare(...) makes one")
    if not (folder / "runs").is_dir():
        raise UserError(f"{folder}: there are no runs in it; bench.compare(...) makes some")
    return Results(folder=folder, data=None if data is None else Path(data))
