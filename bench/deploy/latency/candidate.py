"""One run in every form that is measured: from the trained network to its exported files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.deploy.export.exported import Exported
from bench.deploy.export.exporting import Network, write_network
from bench.deploy.export.formats import ONNX, PT2, WEIGHTS
from bench.deploy.export.runtimes import Run, onnx_run, pt2_run, torch_run
from bench.deploy.export.trained import Trained

_SIZES = {"onnx_mib": ONNX, "pt2_mib": PT2, "weights_mib": WEIGHTS}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A run that is measured.

    Attributes:
        folder: its exported files.
        network: what they were made of.
        runs: every form as a function, by the names of `bench.records.measurements.RUNTIMES`.
    """

    trained: Trained
    folder: Path
    network: Network
    runs: Mapping[str, Run]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.trained.record.run_id

    def images(self, n_images: int) -> npt.NDArray[np.uint8]:
        """So many test images, (B, H, W, Q); the split is repeated if it has fewer."""
        images_BHWQ: npt.NDArray[np.uint8] = self.trained.dataset.test.images_BHWQ
        rows = np.arange(n_images) % len(images_BHWQ)
        chosen: npt.NDArray[np.uint8] = images_BHWQ[rows]
        return chosen

    def masks(self, runtime: str) -> npt.NDArray[np.bool_] | None:
        """The masks that a form is given; those that draw masks themselves get none."""
        return None if runtime == "full" else self.network.masks

    def call(self, runtime: str, n_images: int) -> Callable[[], object]:
        """Predict one batch."""
        run, images, masks = self.runs[runtime], self.images(n_images), self.masks(runtime)
        return lambda: run(images, masks)

    def facts(self) -> dict[str, float]:
        """Size on disk."""
        return {key: (self.folder / name).stat().st_size / 2**20 for key, name in _SIZES.items()}


def prepare(trained: Trained, folder: Path, *, threads: int) -> Candidate:
    """Export a run into ``folder`` (made here) and load every form of it."""
    folder.mkdir()
    network = write_network(trained, folder)
    runs = {
        "full": torch_run(Exported.of(trained, trained.method, draws=True)),
        "eager": torch_run(network.exported),
        "pt2": pt2_run(folder),
        "onnx": onnx_run(folder, threads=threads),
    }
    return Candidate(trained=trained, folder=folder, network=network, runs=runs)
