"""The corruptions: monotone, deterministic, and each constant means what its unit says."""

import functools
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits

from bench.shift import table as corruptions
from bench.shift.augmenters import Images
from bench.shift.corrupted_sets import CorruptedSets
from bench.shift.table import CORRUPTIONS, SEVERITIES, corrupt

ROOT = Path(__file__).parents[2]
EACH = pytest.mark.parametrize("name", CORRUPTIONS)
LEVELS = pytest.mark.parametrize("severity", SEVERITIES)


@functools.cache
def medmnist_test(file: str, count: int) -> Images:
    path = Path(os.environ.get("SAE_BENCH_DATA", "")) / file
    if not path.is_file():
        pytest.skip(f"SAE_BENCH_DATA holds no {file}")
    with np.load(path) as archive:
        images: Images = archive["test_images"][:count]
    return images if images.ndim == 4 else np.expand_dims(images, -1)


@functools.cache
def digits(count: int = 100) -> Images:
    greys_BHW: npt.NDArray[np.float64] = load_digits().images[:count] * (255 / 16)
    return np.rint(greys_BHW).astype(np.uint8)[..., None]


@functools.cache
def landscapes(side: int = 64) -> Images:
    """Synthetic colour images with detail at every scale."""
    generator = np.random.default_rng(0)
    layers = [
        ndimage.gaussian_filter(generator.normal(size=(8, side, side, 3)), (0, s, s, 0)) * s
        for s in (0.5, 1, 2, 4, 8)
    ]
    images: Images = np.clip(128 + 90 * np.sum(layers, axis=0), 0, 255).astype(np.uint8)
    return images


SOURCES: dict[str, Callable[[], Images]] = {
    "digits": digits,
    "pneumonia": lambda: medmnist_test("pneumoniamnist.npz", 64),
    "blood": lambda: medmnist_test("bloodmnist.npz", 32),
    "landscapes": landscapes,
}


def flat(value: int, *, count: int = 200, side: int = 28, channels: int = 1) -> Images:
    return np.full((count, side, side, channels), value, np.uint8)


def impulse(count: int = 1) -> Images:
    """One white pixel at row and column 14."""
    images_BHWQ = flat(0, count=count, side=28)
    images_BHWQ[:, 14, 14] = 255
    return images_BHWQ


def ramp(count: int) -> Images:
    """Grey rises by 8 a column, so that a shift of 1 px to the right lowers the grey by 8."""
    return np.broadcast_to((8 * np.arange(28, dtype=np.uint8))[:, None], (count, 28, 28, 1))


def numpy_state() -> str:
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002 - the state that must not move


def apply(name: str, severity: int, images_BHWQ: Images) -> npt.NDArray[np.float64]:
    return corrupt(images_BHWQ, name=name, severity=severity, key="test").astype(np.float64)


def constant(name: str, severity: int) -> float:
    return CORRUPTIONS[name].constants[severity - 1]


# Severity


def test_the_table_holds_the_agreed_corruptions() -> None:
    agreed = (
        "gaussian_noise shot_noise impulse_noise speckle_noise gaussian_blur motion_blur "
        "contrast brightness jpeg pixelate elastic rotation"
    )
    assert set(agreed.split()) <= set(CORRUPTIONS)
    assert all(name == row.name for name, row in CORRUPTIONS.items())
    assert len({row.label for row in CORRUPTIONS.values()}) == len(CORRUPTIONS)


@pytest.mark.parametrize("source", SOURCES)
@EACH
def test_distance_from_clean_rises_strictly_with_severity(name: str, source: str) -> None:
    clean_BHWQ = SOURCES[source]()
    distances = [abs(apply(name, level, clean_BHWQ) - clean_BHWQ).mean() for level in SEVERITIES]
    steps = np.diff([0.0, *distances])
    assert (steps > 0).all(), distances


@pytest.mark.parametrize("side", [8, 28, 64])
def test_blurs_have_five_distinct_kernels(side: int) -> None:
    clean_BHWQ = flat(0, count=1, side=side)
    clean_BHWQ[:, side // 2, side // 2] = 255
    for name in ("gaussian_blur", "defocus_blur", "motion_blur"):
        peaks = [apply(name, level, clean_BHWQ).max() for level in SEVERITIES]
        assert (np.diff([255, *peaks]) < 0).all(), (name, peaks)


# Determinism


@EACH
def test_same_arguments_same_bits_and_no_global_state(name: str) -> None:
    import imgaug.random

    clean_BHWQ = landscapes(28)[:4]
    untouched_BHWQ = clean_BHWQ.copy()
    first_BHWQ = corrupt(clean_BHWQ, name=name, severity=3, key="a")
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    imgaug.random.seed(7)
    states = numpy_state(), random.getstate(), str(imgaug.random.get_global_rng().state)
    for other in CORRUPTIONS:
        corrupt(clean_BHWQ, name=other, severity=5, key="b")
    again_BHWQ = corrupt(clean_BHWQ, name=name, severity=3, key="a")
    np.testing.assert_array_equal(first_BHWQ, again_BHWQ)
    np.testing.assert_array_equal(clean_BHWQ, untouched_BHWQ)
    assert not np.shares_memory(first_BHWQ, clean_BHWQ)
    assert states[0] == numpy_state()
    assert states[1] == random.getstate()
    assert states[2] == str(imgaug.random.get_global_rng().state)


RANDOM = [row.name for row in CORRUPTIONS.values() if row.kind in ("noise", "geometric")]


@pytest.mark.parametrize("name", [*RANDOM, "motion_blur"])
def test_noise_differs_between_datasets_and_images(name: str) -> None:
    clean_BHWQ = np.repeat(landscapes(28)[:1], 40, axis=0)
    a_BHWQ = corrupt(clean_BHWQ, name=name, severity=3, key="a")
    assert (a_BHWQ != corrupt(clean_BHWQ, name=name, severity=3, key="b")).any()
    assert len({image_HWQ.tobytes() for image_HWQ in a_BHWQ}) > 1


FRESH_PROCESS = """
import hashlib, sys
import numpy as np
from bench.shift.table import CORRUPTIONS, corrupt
assert not {"imgaug", "torch", "cv2"} & set(sys.modules), "importing corruptions must be cheap"
np.random.seed(99)
state = repr(np.random.get_state(legacy=False))
images = np.arange(6 * 28 * 28 * 3, dtype=np.uint32).astype(np.uint8).reshape(6, 28, 28, 3)
sums = {}
for name in reversed(CORRUPTIONS):
    result = corrupt(images, name=name, severity=4, key="p")
    sums[name] = hashlib.sha256(result.tobytes()).hexdigest()
import imgaug.random
assert imgaug.random.GLOBAL_RNG is None, "an augmenter was built without a seed"
assert repr(np.random.get_state(legacy=False)) == state
print("\\n".join(sums[name] for name in CORRUPTIONS))
"""


def test_another_process_in_another_order_gives_the_same_bits() -> None:
    command = [sys.executable, "-c", FRESH_PROCESS]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    images = np.arange(6 * 28 * 28 * 3, dtype=np.uint32).astype(np.uint8).reshape(6, 28, 28, 3)
    here = [
        hashlib.sha256(corrupt(images, name=name, severity=4, key="p").tobytes()).hexdigest()
        for name in CORRUPTIONS
    ]
    assert done.stdout.split() == here


@EACH
def test_layout_of_the_input_does_not_matter(name: str) -> None:
    clean_BHWQ = landscapes(28)[:3]
    strided_BHWQ = np.asfortranarray(clean_BHWQ)
    strided_BHWQ.flags.writeable = False
    expected = corrupt(clean_BHWQ, name=name, severity=2, key="a")
    np.testing.assert_array_equal(corrupt(strided_BHWQ, name=name, severity=2, key="a"), expected)


# What the constants mean


@LEVELS
@pytest.mark.parametrize("channels", [1, 3])
def test_gaussian_noise_has_its_standard_deviation(severity: int, channels: int) -> None:
    noise = apply("gaussian_noise", severity, flat(128, channels=channels)) - 128
    assert noise.std() == pytest.approx(255 * constant("gaussian_noise", severity), rel=0.02)
    assert abs(noise.mean()) < 0.5
    if channels == 3:
        correlation = np.corrcoef(noise.reshape(-1, 3).T)
        assert abs(correlation - np.eye(3)).max() < 0.02


@LEVELS
def test_shot_noise_is_poisson(severity: int) -> None:
    # Photons are Poisson(photons * v / 255): the grey has mean v and variance 255 v / photons.
    grey = apply("shot_noise", severity, flat(100))
    assert grey.mean() == pytest.approx(100, rel=0.01)
    variance = 255 * 100 / constant("shot_noise", severity)
    assert grey.std() == pytest.approx(np.sqrt(variance), rel=0.02)
    assert (apply("shot_noise", severity, flat(0)) == 0).all()


@LEVELS
def test_speckle_noise_grows_with_the_value(severity: int) -> None:
    for value in (50, 100):
        noise = apply("speckle_noise", severity, flat(value)) - value
        assert noise.std() == pytest.approx(value * constant("speckle_noise", severity), rel=0.02)
    assert (apply("speckle_noise", severity, flat(0)) == 0).all()


@LEVELS
def test_impulse_noise_replaces_its_share_by_black_and_white(severity: int) -> None:
    grey = apply("impulse_noise", severity, flat(128))
    share = constant("impulse_noise", severity)
    deviation = np.sqrt(share * (1 - share) / grey.size)
    assert abs((grey != 128).mean() - share) < 4 * deviation
    assert set(np.unique(grey)) == {0, 128, 255}
    assert (grey == 255).sum() / (grey != 128).sum() == pytest.approx(0.5, abs=0.05)


@LEVELS
@pytest.mark.parametrize("side", [28, 64])
def test_gaussian_blur_agrees_with_scipy(severity: int, side: int) -> None:
    clean_BHWQ = landscapes(side)[:4]
    sigma = constant("gaussian_blur", severity) * np.sqrt(side / 28)
    expected = ndimage.gaussian_filter(
        clean_BHWQ.astype(float), (0, sigma, sigma, 0), mode="mirror", truncate=5
    )
    difference = abs(apply("gaussian_blur", severity, clean_BHWQ) - expected)
    assert difference.max() < 2
    assert difference.mean() < 0.5


@LEVELS
def test_defocus_blur_is_a_disk(severity: int) -> None:
    # A disk of radius r spreads a white pixel evenly over pi r^2 pixels.
    radius = constant("defocus_blur", severity)
    image_HW = apply("defocus_blur", severity, impulse())[0, :, :, 0]
    assert image_HW[14, 14] == pytest.approx(255 / (np.pi * radius**2), abs=1)
    rows, columns = np.indices((28, 28)) - 14
    assert (image_HW[np.hypot(rows, columns) > radius + np.sqrt(0.5)] == 0).all()


@LEVELS
def test_motion_blur_is_a_line_at_any_angle(severity: int) -> None:
    # A line of length L has the variance L^2 / 12 along it. Spreading a point bilinearly adds
    # f (1 - f), at most 1/4 and on average 1/6, to either axis: that tells line from disk.
    images_BHW = apply("motion_blur", severity, impulse(200))[..., 0]
    positions = (np.indices((28, 28)) - 14).reshape(2, -1)
    expected = constant("motion_blur", severity) ** 2 / 12
    for image_HW in images_BHW:
        covariance = np.cov(positions, aweights=image_HW.ravel(), ddof=0)
        across, along = np.linalg.eigvalsh(covariance)
        assert along == pytest.approx(expected + 1 / 6, abs=0.02 * expected + 0.1)
        assert across < 0.26
    assert len({image_HW.tobytes() for image_HW in images_BHW}) > 20


@LEVELS
def test_contrast_brightness_and_darkness_are_linear(severity: int) -> None:
    clean_BHWQ = landscapes(28)
    x = clean_BHWQ.astype(float)
    contrast = 127 + constant("contrast", severity) * (x - 127)
    assert abs(apply("contrast", severity, clean_BHWQ) - contrast).max() <= 1
    brighter = np.minimum(x + round(255 * constant("brightness", severity)), 255)
    np.testing.assert_array_equal(apply("brightness", severity, clean_BHWQ), brighter)
    darker = x * constant("darkness", severity)
    assert abs(apply("darkness", severity, clean_BHWQ) - darker).max() <= 0.501


@LEVELS
def test_jpeg_quantises_the_mean_as_its_quality_says(severity: int) -> None:
    # ITU-T T.81 annex K: the luminance DC step is 16, scaled by libjpeg's quality rule; DC is 8
    # times a block's mean, so a flat block's grey moves in steps of an eighth of it around 128.
    quality = constant("jpeg", severity)
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    step = (16 * int(scale) + 50) // 100
    greys = np.arange(256)
    clean_BHWQ = np.broadcast_to(greys.astype(np.uint8)[:, None, None, None], (256, 28, 28, 1))
    expected = np.clip(128 + np.rint((greys - 128) * 8 / step) * step / 8, 0, 255)
    got = apply("jpeg", severity, clean_BHWQ)
    ties = (greys - 128) * 8 % step * 2 == step
    assert abs(got - expected[:, None, None, None])[~ties].max() <= 0.5


def test_pixelate_by_half_is_the_mean_of_two_by_two() -> None:
    severity = CORRUPTIONS["pixelate"].constants.index(0.5) + 1
    clean_BHWQ = landscapes(28)
    means = clean_BHWQ.reshape(-1, 14, 2, 14, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    assert abs(apply("pixelate", severity, clean_BHWQ) - means).max() <= 0.5


@LEVELS
def test_elastic_moves_pixels_by_its_standard_deviation(severity: int) -> None:
    # Far from the borders, where there is no mirroring, a ramp's grey tells the displacement.
    shift = (apply("elastic", severity, ramp(3000)) - ramp(3000))[:, 9:19, 9:19] / 8
    assert shift.std() == pytest.approx(constant("elastic", severity), rel=0.1)
    assert abs(shift.mean()) < 0.1


def smooth_image() -> npt.NDArray[np.float64]:
    rows, columns = np.indices((28, 28))
    greys = 60 * np.sin(rows / 4 + 0.5) * np.cos(columns / 5)
    image: npt.NDArray[np.float64] = np.rint(128 + greys + 2 * columns)
    return image


def source_of(name: str, size: float, row: int, column: int) -> tuple[Any, Any]:
    """Where a pixel comes from: a matrix about the centre and an offset; row and column: +-1."""
    angle = row * np.deg2rad(size)
    if name == "rotation":
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([[cos, sin], [-sin, cos]]), np.zeros(2)
    if name == "shear":
        return np.array([[1, 0], [row * size, 1]]), np.zeros(2)
    return np.eye(2), 28 * size * np.array([row, column])


@LEVELS
@pytest.mark.parametrize(
    ("name", "directions"), [("rotation", 2), ("shear", 2), ("translation", 4)]
)
def test_geometry_agrees_with_scipy_in_all_directions(
    name: str, directions: int, severity: int
) -> None:
    clean_HW, centre = smooth_image(), np.full(2, 13.5)
    clean_BHWQ = np.repeat(clean_HW.astype(np.uint8)[None, :, :, None], 30, axis=0)
    expected = []
    for row, column in [(1, 1), (-1, 1), (1, -1), (-1, -1)][:directions]:
        matrix, offset = source_of(name, constant(name, severity), row, column)
        start = centre - matrix @ centre + offset
        expected.append(ndimage.affine_transform(clean_HW, matrix, start, order=1, mode="mirror"))
    moved_BHW = apply(name, severity, clean_BHWQ)[..., 0]
    distances = [[abs(image - candidate).max() for candidate in expected] for image in moved_BHW]
    assert np.min(distances, axis=1).max() < 3
    assert set(np.argmin(distances, axis=1)) == set(range(directions))


# Errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "snow"}, "Unknown corruption 'snow'; choices: gaussian_noise, shot_noise"),
        ({"severity": 0}, "severity is 0; choices: 1, 2, 3, 4, 5"),
        ({"severity": 6}, "severity is 6"),
        ({"images_BHWQ": np.zeros((2, 28, 28, 1), np.float32)}, "float32.*raw uint8"),
        ({"images_BHWQ": flat(0)[..., 0]}, r"\(200, 28, 28\).*add a last axis"),
        ({"images_BHWQ": flat(0, channels=2)}, "Q = 1 or 3"),
        ({"images_BHWQ": flat(0, side=7)}, "H and W >= 8"),
        ({"images_BHWQ": flat(0, count=0)}, "B >= 1"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    arguments = {"images_BHWQ": flat(0), "name": "jpeg", "severity": 1, "key": "a", **changes}
    with pytest.raises(ValueError, match=message):
        corrupt(arguments.pop("images_BHWQ"), **arguments)


def test_images_are_checked_before_the_first_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="raw uint8"):
        CorruptedSets(images_BHWQ=np.zeros((2, 28, 28, 1), np.int64), key="a", cache=tmp_path)


# Cache


@pytest.fixture
def two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: CORRUPTIONS[name] for name in ("gaussian_noise", "contrast")}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", rows)


def collect(cache: Path, *, key: str = "a", images: Images | None = None) -> list[Images]:
    clean_BHWQ = digits(20) if images is None else images
    sets = CorruptedSets(images_BHWQ=clean_BHWQ, key=key, cache=cache)
    return [result for *_, result in sets]


def test_sets_come_in_the_order_of_the_table(tmp_path: Path) -> None:
    clean_BHWQ = digits(5)
    sets = list(CorruptedSets(images_BHWQ=clean_BHWQ, key="a", cache=tmp_path))
    assert [item[:2] for item in sets] == [(n, s) for n in CORRUPTIONS for s in SEVERITIES]
    for name, severity, result in sets:
        expected = corrupt(clean_BHWQ, name=name, severity=severity, key="a")
        np.testing.assert_array_equal(result, expected)


@pytest.mark.usefixtures("two_rows")
def test_second_call_reads_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = collect(tmp_path / "new" / "cache")

    def never(*_: object, **__: object) -> None:
        pytest.fail("a cached set was computed again")

    monkeypatch.setattr(corruptions, "corrupt", never)
    np.testing.assert_array_equal(collect(tmp_path / "new" / "cache"), first)


@pytest.mark.usefixtures("two_rows")
@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign"])
def test_damaged_files_are_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    first = collect(tmp_path)
    path = sorted(tmp_path.iterdir())[3]
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes(
        {"empty": b"", "truncated": whole[:middle], "flipped": flipped, "foreign": b"hello"}[damage]
    )
    np.testing.assert_array_equal(collect(tmp_path), first)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert path.name in caplog.text
    caplog.clear()
    collect(tmp_path)
    assert not caplog.records
    assert len(list(tmp_path.iterdir())) == 10


@pytest.mark.usefixtures("two_rows")
def test_all_that_matters_is_in_the_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(tmp_path)
    assert len(list(tmp_path.iterdir())) == 10
    collect(tmp_path, key="b")
    assert len(list(tmp_path.iterdir())) == 20
    collect(tmp_path, images=digits(20)[::-1])
    assert len(list(tmp_path.iterdir())) == 30
    row = CORRUPTIONS["contrast"]
    changed = replace(row, constants=(0.7, *row.constants[1:]))
    monkeypatch.setitem(corruptions.CORRUPTIONS, "contrast", changed)
    collect(tmp_path)
    assert len(list(tmp_path.iterdir())) == 35
    monkeypatch.setattr("bench.storage.cache.code_identity", lambda *_: ("imaug 9.9",))
    collect(tmp_path)
    assert len(list(tmp_path.iterdir())) == 45


@pytest.mark.usefixtures("two_rows")
def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        collect(tmp_path)
    assert list(tmp_path.iterdir()) == []
