"""The model card of an export, in Markdown. Model cards: Mitchell et al. 2019."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape

from bench.deploy.export.facts import Facts

_HEADLINE = {
    "classification": ("accuracy", "f1", "auroc", "nll", "brier"),
    "regression": ("mse", "mae", "nll"),
}
_CALIBRATION = {
    "classification": ("ece", "ece_ts", "cc_ece", "classwise_ece", "adaptive_ece"),
    "regression": ("coverage_error", "coverage_error_ts"),
}


def text(facts: Facts) -> str:
    """The card."""
    sections = (_head, _use, _data, _quality, _cost, _checks, _configuration, _limits)
    return "\n".join("\n".join(section(facts)) + "\n" for section in sections)


def _head(facts: Facts) -> Iterator[str]:
    data = facts["dataset"]
    yield f"# {facts['category']} for {data['name']}"
    yield ""
    yield f"Run `{facts['run_id']}` ({facts['label']}), task: {data['task']}."
    yield f"Made by `{facts['command']}`."


def _use(facts: Facts) -> Iterator[str]:
    data = facts["dataset"]
    height, width, channels = data["shape"]
    yield "## Use"
    yield ""
    yield "`python predict.py images.npy predictions.npz` needs onnxruntime and numpy alone."
    yield ""
    yield f"- Input `images`: uint8, (B, {height}, {width}, {channels}), any B. Pixels are 0 to"
    yield "  255: the network normalises them itself."
    if data["task"] == "classification":
        yield f"- Outputs `probabilities` and `log_probabilities` (nats): (B, {data['n_classes']}),"
        yield "  of the mixture of all members."
        if data["class_names"]:
            yield "- Columns, in order: " + "; ".join(
                f"{label} = {escape(name, quote=False)}"
                for label, name in enumerate(data["class_names"])
            )
        yield f"- A temperature of {facts['temperature']:.4g} was fitted on validation. It is not"
        yield "  applied: for the values `_ts` below, divide the log-probabilities by it and"
        yield "  normalise again."
    else:
        low, high = data["target_range"]
        yield "- Outputs `mean` and `variance`: (B,), of the mixture of all members, in the units"
        yield f"  of the targets. The metrics below are of targets scaled from {low:g}..{high:g}"
        yield "  to 0..1."
        yield f"- A factor of {facts['temperature']:.4g} for the variance was fitted on"
        yield "  validation. It is not applied: multiply by it for the values `_ts` below."
    yield from _mask_lines(facts)


def _mask_lines(facts: Facts) -> Iterator[str]:
    masks = facts["masks"]
    if masks is None:
        return
    shape = f"(K, {masks['passes']}, {masks['entries']})"
    yield f"- Optional input `keep`: bool, {shape}: which entries each pass keeps. Image b takes"
    yield f"  set b modulo K. Without it all images get the same {masks['passes']} passes, those of"
    yield f"  seed {masks['default_seed']}, so that an image's prediction does not depend on its"
    yield "  batch. Other masks:"
    yield "  `(numpy.random.Philox(key=seed).random_raw(n) / 2**64 >= rate).reshape(1, "
    yield f"  {masks['passes']}, {masks['entries']})` with n = {masks['passes'] * masks['entries']}"
    yield f"  and rate = {masks['rate']}."


def _data(facts: Facts) -> Iterator[str]:
    data = facts["dataset"]
    sizes = ", ".join(f"{split} {n}" for split, n in data["sizes"].items())
    yield "## Data"
    yield ""
    yield f"{data['name']} ({data['source']}). {data['citation']}. Images: {sizes}."
    yield f"Fingerprint `{data['fingerprint']}`."
    if data["resize"]:
        side = data["resize"]
        yield f"Images were scaled to {side} x {side} (Pillow, bicubic); scale new ones alike."
    if data["drop_duplicates"]:
        yield "Training and validation images that occur in test were left out."


def _quality(facts: Facts) -> Iterator[str]:
    task = facts["dataset"]["task"]
    yield "## Quality"
    yield ""
    yield "Of this one network. Brackets: 95% intervals over test images; they say"
    yield "nothing of how another seed would do. Test images were not used for any choice."
    yield ""
    yield from _table(facts, "test", (*_HEADLINE[task], *_CALIBRATION[task]), "clean test images")
    yield ""
    data = facts["dataset"]
    shifted = f"{data['shift_images']} corrupted test images: the mean over all severities of "
    shifted += ", ".join(data["corruptions"])
    yield from _table(facts, "ood", (*_HEADLINE[task], _CALIBRATION[task][0]), shifted)


def _table(facts: Facts, split: str, keys: Sequence[str], what: str) -> Iterator[str]:
    rows = {row["metric"]: row for row in facts["metrics"] if row["split"] == split}
    yield f"On {what}:"
    yield ""
    yield "| metric | value | 95% interval |"
    yield "| --- | --- | --- |"
    for key in keys:
        if key in rows:
            row = rows[key]
            bounds = "-" if row["low"] is None else f"{row['low']:.4f} to {row['high']:.4f}"
            value = "-" if row["estimate"] is None else f"{row['estimate']:.4f}"
            yield f"| {row['label']} (`{key}`) | {value} | {bounds} |"


def _cost(facts: Facts) -> Iterator[str]:
    cost = facts["cost"]
    yield "## Cost"
    yield ""
    yield "Of the prediction of one image. The exported network has no unused parts, its BatchNorm"
    yield "is folded and, where several inputs take the same image, their slices of the first layer"
    yield "are summed. The SAE paper counts these layers as they were trained."
    yield ""
    yield "| | FLOPs (fused multiply-adds) | parameters |"
    yield "| --- | --- | --- |"
    yield f"| exported | {cost['flops']:,} | {cost['params']:,} |"
    yield f"| as the paper counts | {cost['paper_flops']:,} | {cost['paper_params']:,} |"
    yield ""
    for name, file in facts["files"].items():
        yield f"- `{name}`: {file['bytes']:,} bytes"


def _checks(facts: Facts) -> Iterator[str]:
    checks = dict(facts["checks"])
    tolerance = checks.pop("tolerance")
    yield "## Checked"
    yield ""
    yield f"On all test images against the recorded predictions, within {tolerance:g} (relative to"
    yield "values above 1), and metrics, within as much or what one image counts:"
    yield ""
    for name, check in checks.items():
        yield (
            f"- {name}: {check['test_images']} images, largest difference "
            f"{check['largest_difference']:.1e}, of a metric "
            f"{check['largest_metric_difference']:.1e}"
        )
    masks = facts["masks"]
    if masks is not None:
        values = masks["test_metrics_of_default_masks"]
        shown = ", ".join(f"{key} {value:.4f}" for key, value in values.items())
        yield ""
        yield "These checks gave the network the masks that the run drew for each image. With its"
        yield f"default masks the test metrics are: {shown}."


def _configuration(facts: Facts) -> Iterator[str]:
    environment = facts["trained_in"]
    packages = {**environment["packages"], **facts["exported_in"]["packages"]}
    yield "## Configuration"
    yield ""
    yield "```json"
    yield json.dumps(facts["config"], indent=1)
    yield "```"
    yield ""
    yield f"Code: commit {environment['git_commit']}. Python {environment['python']};"
    yield ", ".join(f"{name} {version}" for name, version in packages.items()) + "."


def _limits(facts: Facts) -> Iterator[str]:
    data = facts["dataset"]
    height, width, channels = data["shape"]
    yield "## Limits"
    yield ""
    yield f"- Research network. It knows images of {height} x {width} x {channels} like those of"
    yield f"  {data['name']} and puts out a confident answer for any other image as well."
    yield "- Not validated for clinical or any other use in which a wrong answer does harm."
    yield "- Outside of the listed corruptions nothing was measured."
    yield "- Other versions of a runtime and other processors round otherwise."
