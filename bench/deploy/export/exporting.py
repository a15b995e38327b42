"""From a finished run to a checked folder of files."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.deploy.export import card, folder, formats
from bench.deploy.export.check import Agreement, Outputs, agreement, outputs_on_test
from bench.deploy.export.exported import Exported, default_masks, masks_shape
from bench.deploy.export.facts import Facts, gather
from bench.deploy.export.runtimes import onnx_run, pt2_run, torch_run
from bench.deploy.export.trained import Trained
from methods.core.method import Predictor

# Copied beside every network.
_PREDICT = Path(__file__).with_name("predict_example.py")


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network, as a module and as the files that were made of it.

    Attributes:
        predictor: what is exported (``method.deployed()``).
        exported: the module around it that was traced.
        masks: its default masks (1, S, T), or None where it takes none.
    """

    predictor: Predictor
    exported: Exported
    masks: npt.NDArray[np.bool_] | None


def write_network(trained: Trained, target: Path) -> Network:
    """Write a run's deployed network in all formats into ``target``, which exists; unchecked."""
    predictor = trained.method.deployed()
    exported = Exported.of(trained, predictor)
    shape, rate = masks_shape(predictor, trained.shape), exported.dropout_rate
    metadata = {"run_id": trained.record.run_id, "task": trained.dataset.task}
    if trained.dataset.class_names:
        metadata["class_names"] = json.dumps(trained.dataset.class_names, ensure_ascii=False)
    masks = None
    if shape is not None and rate is not None:
        masks = default_masks(*shape, rate)
        metadata["dropout_rate"] = str(rate)
    image = trained.dataset.image_shape
    blank = np.zeros((1, *image), dtype=np.uint8)
    formats.write(
        target,
        formats.to_program(exported, image, shape),
        output_names=list(torch_run(exported)(blank, masks)),
        masks=masks,
        metadata=metadata,
    )
    return Network(predictor=predictor, exported=exported, masks=masks)


def export(
    trained: Trained, results: Path, target: Path, *, force: bool = False, command: str = ""
) -> Facts:
    """Export a run, check every file on the whole test set, and only then put it in place.

    Returns:
        What the card and export.json say.

    Raises:
        UserError: the target cannot be written, or what is there may not be replaced.
        bench.deploy.export.check.Differs: an exported network is not the one of the record.
    """
    with folder.whole(target, force=force) as aside:
        network = write_network(trained, aside)
        checks, default = _check(trained, results, network, aside)
        shutil.copyfile(_PREDICT, aside / "predict.py")
        facts = gather(
            trained, results, network.predictor, aside, checks=checks, default=default,
            masks=network.masks, command=command,
        )  # fmt: skip
        (aside / "model_card.md").write_text(card.text(facts), encoding="utf-8")
        (aside / folder.MARK).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _check(
    trained: Trained, results: Path, network: Network, aside: Path
) -> tuple[Mapping[str, Agreement], Outputs | None]:
    """The distance of every form from the record; and the outputs of default masks, if any."""
    # The trained network itself comes first: if it differs, the export is not to blame.
    runs = {
        "trained network": torch_run(Exported.of(trained, trained.method)),
        formats.PT2: pt2_run(aside),
        formats.ONNX: onnx_run(aside),
    }
    outputs = outputs_on_test(trained, runs, redraw=True)
    checks = {name: agreement(trained, results, outputs[name], name) for name in runs}
    if network.masks is None:
        return checks, None
    onnx = {formats.ONNX: runs[formats.ONNX]}
    return checks, outputs_on_test(trained, onnx, redraw=False)[formats.ONNX]
