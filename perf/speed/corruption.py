"""Making all corrupted test images: at once, from the cache, and by image as libraries are used."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.executors import fork_server
from bench.runs.execute import prepare_process
from bench.runs.loaded import load_dataset
from bench.shift import corrupted_sets
from bench.shift.augmenters import Images
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.parallel import make_absent
from bench.shift.table import CORRUPTIONS, SEVERITIES
from perf.speed.part import Measured
from perf.speed.row import Row

_log = logging.getLogger(__name__)

PROCESSES = 2
# imagecorruptions takes no image below it; its own names of what ours has too.
IMAGECORRUPTIONS_SIDE = 32
IMAGECORRUPTIONS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur",
    "defocus_blur", "motion_blur", "contrast", "brightness", "jpeg_compression", "pixelate",
    "elastic_transform",
)  # fmt: skip


def measure(*, quick: bool) -> Measured:
    """All of pneumonia's 80 sets."""
    prepare_process()
    images_BHWQ = load_dataset("pneumonia", None).shift_test.images_BHWQ
    _import_imgaug(images_BHWQ)
    sample = images_BHWQ[:: len(images_BHWQ) // (2 if quick else 12)]
    cold, cached, together, imgaug, other = [], [], [], [], []
    fork_server.start()
    _together(images_BHWQ)  # so that nobody waits for the server
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_seconds(lambda f=Path(folder): _all(images_BHWQ, f)))  # type: ignore[misc]
            cached.append(_seconds(lambda f=Path(folder): _all(images_BHWQ, f)))  # type: ignore[misc]
        together.append(_seconds(lambda: _together(images_BHWQ)))
        imgaug.append(_by_image_imgaug(sample) * len(images_BHWQ))
        other.append(_by_image_imagecorruptions(sample) * len(images_BHWQ))
        _log.info("cold %.2f s, cached %.3f s, imgaug %.0f s", cold[-1], cached[-1], imgaug[-1])
    data = {
        "cold": cold, "cached": cached, "together": together, "imgaug": imgaug,
        "imagecorruptions": other,
    }  # fmt: skip
    data["start of processes"] = [_seconds(lambda: _together(images_BHWQ[:1]))]
    return Measured(rows=_rows(data, len(images_BHWQ), len(sample)), data=data)


def _rows(data: dict[str, list[float]], n_images: int, n_sample: int) -> list[Row]:
    middle = {key: statistics.median(values) for key, values in data.items()}
    n_sets = len(CORRUPTIONS) * len(SEVERITIES)
    slowest = _slowest()
    what = f"pneumonia, {n_images} images"
    scaled = f"one call an image; measured on {n_sample} images, times {n_images / n_sample:.0f}"
    return [
        Row(quantity=f"{what}: {n_sets} corrupted sets, made and written", value=middle["cold"],
            unit="s", target=3.0, remark="one process, without the import of imgaug",
            binds=f"the slowest rows, seconds of five severities: {slowest}"),
        Row(quantity=f"{what}: {n_sets} corrupted sets, made and written by {PROCESSES} processes",
            value=middle["together"], unit="s", target=3.0,
            remark="as before a command's first run; with their start and import of imgaug",
            binds="the start of the processes and the import of imgaug in each take "
            f"{middle['start of processes']:.2f} s of it (measured with one image)"),
        Row(quantity=f"{what}: {n_sets} corrupted sets from the cache", value=middle["cached"],
            unit="s", target=0.05, remark="files in the page cache; within a process they are kept",
            binds=f"{n_sets} files, {1e3 * middle['cached'] / n_sets:.2f} ms each to open, to read "
            "and to check by CRC-32"),
        Row(quantity=f"{what}: imgaug by image, the same augmenters", value=middle["imgaug"],
            unit="s", remark=scaled),
        Row(quantity=f"{what}: imgaug by image / ours", value=middle["imgaug"] / middle["cold"],
            unit="x"),
        Row(quantity=f"{what}: imagecorruptions by image", value=middle["imagecorruptions"],
            unit="s", remark=f"{scaled}; {len(IMAGECORRUPTIONS)} corruptions scaled to "
            f"{len(CORRUPTIONS)}; images enlarged to {IMAGECORRUPTIONS_SIDE} pixels (fewer it "
            "refuses) and 3 channels"),
        Row(quantity=f"{what}: imagecorruptions by image / ours",
            value=middle["imagecorruptions"] / middle["cold"], unit="x"),
    ]  # fmt: skip


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _all(images_BHWQ: Images, cache: Path) -> None:
    for _ in corrupted_sets.corrupted(images_BHWQ, key="speed", cache=cache):
        pass


def _together(images_BHWQ: Images) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sets = CorruptedSets(images_BHWQ=images_BHWQ, key="speed", cache=Path(folder))
        make_absent(sets, processes=PROCESSES)


def _import_imgaug(images_BHWQ: Images) -> None:
    """So that nobody pays for the import, nor for what numba compiles at the first call."""
    for _ in corrupted_sets.corrupted(images_BHWQ[:2], key="speed", cache=None):
        pass


def _slowest() -> str:
    """The three slowest rows of the table."""
    images_BHWQ = load_dataset("pneumonia", None).shift_test.images_BHWQ
    taken: dict[str, float] = {}
    sets = corrupted_sets.corrupted(images_BHWQ, key="speed", cache=None)
    start = time.perf_counter()
    for name, _, _ in sets:
        end = time.perf_counter()
        taken[name] = taken.get(name, 0.0) + end - start
        start = end
    worst = sorted(taken, key=lambda name: -taken[name])[:3]
    return ", ".join(f"{name} {taken[name]:.2f}" for name in worst)


def _by_image_imgaug(images_BHWQ: Images) -> float:
    """Seconds an image of all sets: one augmenter a set, called image by image."""
    ia: Any = importlib.import_module("imgaug")
    augmenters = [
        row.build(ia, constant, images_BHWQ.shape[1], 0)
        for row in CORRUPTIONS.values()
        for constant in row.constants
    ]

    def all_images() -> None:
        for augmenter in augmenters:
            for image_HWQ in images_BHWQ:
                augmenter(images=image_HWQ[None])

    return _seconds(all_images) / len(images_BHWQ)


def _by_image_imagecorruptions(images_BHWQ: Images) -> float:
    """Seconds an image of as many sets as ours has."""
    from PIL import Image

    library: Any = importlib.import_module("imagecorruptions")
    side = (IMAGECORRUPTIONS_SIDE, IMAGECORRUPTIONS_SIDE)
    enlarged = [
        np.asarray(Image.fromarray(image_HWQ[..., 0]).resize(side).convert("RGB"))
        for image_HWQ in images_BHWQ
    ]

    def all_images() -> None:
        for name in IMAGECORRUPTIONS:
            for severity in SEVERITIES:
                for image_HWQ in enlarged:
                    library.corrupt(image_HWQ, corruption_name=name, severity=severity)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        all_sets = _seconds(all_images) / len(images_BHWQ)
    return all_sets * len(CORRUPTIONS) / len(IMAGECORRUPTIONS)
