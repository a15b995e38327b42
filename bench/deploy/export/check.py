"""Compare an exported network with its record, on the whole test set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bench.deploy.export.runtimes import Run
from bench.deploy.export.trained import Trained
from bench.metrics import table as metrics
from bench.metrics.predictive import Predictive
from bench.statistics.predictions import stored
from bench.training.inputs import Inputs
from bench.training.predict import batch_size
from methods.core.dropout import Drawn
from methods.core.seeding import seeded

# Largest difference that passes: absolute, and relative to values above 1 (log-probabilities). A
# metric may also move by what one image counts: rounding can carry one across a decision, the edge
# of a bin or the rank of another one.
TOLERANCE = 1e-5

Outputs = dict[str, npt.NDArray[np.float32]]


class Differs(RuntimeError):  # noqa: N818 - "the export differs"
    """The exported network is not what was trained: a fault of the export, not of the user."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The distance of one file's predictions from the recorded ones.

    Attributes:
        n_images: test images that were compared: all.
        largest_difference: over images and outputs, as `difference` measures it.
        metrics: each metric of the mixture: (of the record, of the file).
    """

    n_images: int
    largest_difference: float
    metrics: Mapping[str, tuple[float, float]]


def agreement(trained: Trained, results: Path, outputs: Outputs, what: str) -> Agreement:
    """Compare a file's outputs on the test split with the record's.

    Raises:
        Differs: a prediction or a metric is further off than ``TOLERANCE`` allows.
    """
    recorded = stored(results, trained.record.run_id, "test")
    likelihood, target_range = trained.method.likelihood, trained.dataset.target_range
    expected = likelihood.exported(torch.from_numpy(recorded.mixed_BC), target_range)
    worst = max(difference(outputs[name], values.numpy()) for name, values in expected.items())
    if not worst <= TOLERANCE:
        raise Differs(f"{what}: predictions differ from the recorded ones by {worst:.2g}")
    values = mixture_metrics(trained, recorded, outputs)
    tested = trained.record.metrics.test or {}
    pairs = {key: (_number(tested[key]), values[key]) for key in values}
    for key, (old, new) in pairs.items():
        if not _same(old, new, slack=1 / len(recorded.y_B)):
            raise Differs(f"{what}: {key} is {new!r}, in the record {old!r}")
    return Agreement(n_images=len(recorded.y_B), largest_difference=worst, metrics=pairs)


def difference(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """The largest of |found - expected| / max(1, |expected|); infinite for another shape."""
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        apart = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    # -inf, the logarithm of an impossible class, is as far from itself as any number: not at all.
    return float(np.where(found == expected, 0, apart).max())


def mixture_metrics(trained: Trained, recorded: Predictive, outputs: Outputs) -> dict[str, float]:
    """Test metrics of a file's outputs, but for those that read the members: it has none."""
    tensors = {name: torch.from_numpy(values).double() for name, values in outputs.items()}
    mixed = trained.method.likelihood.mixed(tensors, trained.dataset.target_range).numpy()
    # The outputs are the only member here.
    predictive = replace(recorded, mixed_BC=mixed, members_BMC=mixed[:, None], weights_M=np.ones(1))
    values = metrics.evaluate(predictive, trained.record.temperature)
    known = metrics.keys_for(recorded.task)
    return {key: value for key, value in values.items() if not known[key].reads_members}


def outputs_on_test(
    trained: Trained, runs: Mapping[str, Run], *, redraw: bool
) -> dict[str, Outputs]:
    """The outputs of each file for the whole test split.

    Args:
        trained: the run.
        runs: the files, by name.
        redraw: give the files the very masks that the run drew at its evaluation; else a network
            that takes masks takes its default ones.
    """
    parts: dict[str, list[Outputs]] = {name: [] for name in runs}
    for images_BHWQ, keep_BST in _batches(trained, redraw=redraw):
        for name, run in runs.items():
            parts[name].append(run(images_BHWQ, keep_BST))
    return {
        name: {key: np.concatenate([part[key] for part in found]) for key in found[0]}
        for name, found in parts.items()
    }


def _batches(
    trained: Trained, *, redraw: bool
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None]]:
    """The batches of the run's evaluation, with the masks that it drew for each."""
    deployed = trained.method.deployed()
    test = trained.dataset.test
    images_BQHW = Inputs.of(test, torch.device("cpu")).images_BQHW
    drawn, n = Drawn(deployed).eval(), batch_size(deployed)
    with torch.inference_mode(), seeded(trained.record.config.seed, "predict", "test"):
        for start in range(0, len(images_BQHW), n):
            images_BHWQ = test.images_BHWQ[start : start + n]
            keep = None
            if redraw:
                _, keep_RT = drawn(trained.normalise(images_BQHW[start : start + n]))
                if keep_RT is not None:
                    rows = keep_RT.view(-1, len(images_BHWQ), keep_RT.shape[1])
                    keep = rows.transpose(0, 1).contiguous().numpy()
            yield images_BHWQ, keep


def _number(recorded: float | None) -> float:
    return float("nan") if recorded is None else recorded


def _same(old: float, new: float, *, slack: float) -> bool:
    if not (np.isfinite(old) and np.isfinite(new)):
        return not (np.isfinite(old) or np.isfinite(new))  # a record writes infinity as null too
    return abs(new - old) <= max(TOLERANCE * max(1, abs(old)), slack)
