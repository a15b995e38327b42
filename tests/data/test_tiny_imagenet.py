import dataclasses
import io
import logging
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from image_files import encoded, write
from PIL import Image

from bench.data.dataset import Dataset
from bench.data.table import DATASETS, load
from bench.errors import DataUnavailable, UserError

ROW = dataclasses.replace(DATASETS["tinyimagenet"], n_classes=2, shift_images=None)
TOP = "tiny-imagenet-200"
ZIP = Path(os.environ.get("SAE_BENCH_DATA", "")) / f"{TOP}-subset.zip"


def tiny_files() -> dict[str, bytes]:
    """Two classes of ten plain images each; image k of class n1 has level 100 + k, of n2 10 + k."""
    files = {"wnids.txt": b"n2\nn1\n", "words.txt": b"", "test/images/test_0.JPEG": b"unread"}
    for wnid, level in (("n1", 100), ("n2", 10)):
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b""
        for k in range(10):
            plain = encoded(np.full((64, 64), level + k), "JPEG")
            files[f"train/{wnid}/images/{wnid}_{k}.JPEG"] = plain
    files["val/val_annotations.txt"] = b"val_1.JPEG\tn2\t0\t0\t9\t9\nval_0.JPEG\tn1\t0\t0\t9\t9\n"
    files["val/images/val_0.JPEG"] = encoded(np.full((64, 64, 3), 50), "JPEG")
    files["val/images/._val_0.JPEG"] = b"what a Mac leaves behind"
    files["val/images/val_1.JPEG"] = encoded(np.full((64, 64, 3), 60), "JPEG")
    return files


def put(data: Path, files: dict[str, bytes], *, zipped: bool) -> Path:
    if not zipped:
        write(data / TOP, files)
        return data / TOP
    with zipfile.ZipFile(data / f"{TOP}.zip", "w") as archive:
        archive.writestr(f"{TOP}/", b"")
        for name, content in files.items():
            archive.writestr(f"{TOP}/{name}", content)
        archive.writestr(f"__MACOSX/{TOP}/._wnids.txt", b"")
    return data / f"{TOP}.zip"


# ---------------------------------------------------------------- made files


@pytest.mark.parametrize("zipped", [False, True])
def test_layout(tmp_path: Path, zipped: bool) -> None:
    put(tmp_path, tiny_files(), zipped=zipped)
    dataset = load(ROW, data=tmp_path)
    assert dataset.image_shape == (64, 64, 3)
    levels = {name: s.images_BHWQ[:, 0, 0, 0].tolist() for name, s in dataset.splits.items()}
    # n1 comes first however wnids.txt has it; the test images are in the annotations' order.
    assert dataset.test.y_B.tolist() == [1, 0]
    assert levels["test"] == [60, 50]
    assert dataset.val.y_B.tolist() == [0, 1]  # one of ten of each
    assert dataset.train.y_B.tolist() == [0] * 9 + [1] * 9
    assert sorted(levels["train"] + levels["val"]) == [*range(10, 20), *range(100, 110)]
    assert all((level >= 100) == (y == 0) for level, y in zip(levels["val"], [0, 1], strict=True))
    for split in dataset.splits.values():
        assert (split.images_BHWQ == split.images_BHWQ[:, :1, :1, :1]).all()


def test_the_first_classes_alone(tmp_path: Path) -> None:
    files = tiny_files()
    files["wnids.txt"] += b"n0\n"
    for k in range(10):
        files[f"train/n0/images/n0_{k}.JPEG"] = encoded(np.full((64, 64), 200 + k), "JPEG")
    put(tmp_path, files, zipped=False)
    dataset = load(dataclasses.replace(DATASETS["tinyimagenet40"], n_classes=2), data=tmp_path)
    assert dataset.class_names == ("n0", "n1")
    assert dataset.train.y_B.tolist() == [0] * 9 + [1] * 9
    assert dataset.train.images_BHWQ[:9].min() >= 200
    # The test image of n2 is left out, and so are its training images.
    assert dataset.test.y_B.tolist() == [1]
    assert dataset.test.images_BHWQ[0, 0, 0, 0] == 50


def without(*names: str) -> Callable[[dict[str, bytes]], None]:
    def spoil(files: dict[str, bytes]) -> None:
        for name in names:
            del files[name]

    return spoil


def with_file(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: content})


N1 = [f"train/n1/images/n1_{k}.JPEG" for k in range(10)]
ANNOTATIONS = "val/val_annotations.txt"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("wnids.txt"), "lacks wnids.txt"),
        (without(ANNOTATIONS), "lacks val/val_annotations.txt"),
        (with_file("wnids.txt", b"n1\n"), "wnids.txt has 1 wnids .* there must be 2 or more"),
        (with_file("wnids.txt", b"n1\nn1\n"), r"2 wnids \(1 different ones\)"),
        (with_file("wnids.txt", b"\xff\xfe"), "wnids.txt is no UTF-8 text"),
        (without(*N1), "class n1 has no images in train/n1/images"),
        (without(*N1[1:]), "11 training images of 2 classes, 1 of them of n1: .* needs 10 a class"),
        (with_file("train/n3/images/n3_0.JPEG", b""), "train/n3 is no class of wnids.txt"),
        (with_file(ANNOTATIONS, b"val_0.JPEG\tn9\t0\t0\t1\t1\n"), "txt line 1: 'n9' is no class"),
        (with_file(ANNOTATIONS, b"val_0.JPEG n1\n"), "line 1: '' is no class"),
        (with_file(ANNOTATIONS, b"val_0.JPEG\tn1\nval_7.JPEG\tn1\n"), "line 2: there is no val/im"),
        (with_file(ANNOTATIONS, b"val_0.JPEG\tn1\n" * 2), "line 2: val_0.JPEG has a line already"),
        (with_file(ANNOTATIONS, b"val_0.JPEG\tn1\n"), "has no line of val/images/val_1.JPEG"),
        (with_file(ANNOTATIONS, b""), "has no line of val/images/val_0.JPEG"),
        (with_file(N1[3], b"no image"), r"train/n1/images/n1_3.JPEG cannot be used: it is none of"),
        (
            with_file(N1[3], tiny_files()[N1[3]][:300]),
            r"n1_3.JPEG cannot be used: (?i:.*truncated)",
        ),
        (with_file(N1[3], b""), "n1_3.JPEG cannot be used"),
        (with_file("val/n1\n.txt", b""), "has a control character"),
        (
            with_file(N1[3], encoded(np.zeros((64, 32)), "JPEG")),
            r"n1_3.JPEG is 64x32 \(height x width\): it must be 64x64$",
        ),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_refuses(
    tmp_path: Path, spoil: Callable[[dict[str, bytes]], None], message: str, zipped: bool
) -> None:
    files = tiny_files()
    spoil(files)
    path = put(tmp_path, files, zipped=zipped)
    with pytest.raises(UserError, match=message) as caught:
        load(ROW, data=tmp_path)
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, DataUnavailable)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED]
)
def test_damage_in_a_zip_of_any_compression_is_named(tmp_path: Path, method: int) -> None:
    path = tmp_path / f"{TOP}.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in tiny_files().items():
            archive.writestr(f"{TOP}/{name}", content)
        at = archive.getinfo(f"{TOP}/wnids.txt").header_offset + 30 + len(f"{TOP}/wnids.txt")
    whole = path.read_bytes()
    messages = []
    for offset in range(6):
        path.write_bytes(whole[: at + offset] + b"\xee" + whole[at + offset + 1 :])
        try:
            load(ROW, data=tmp_path)  # LZMA: no one reads the version, any dictionary will do
        except UserError as error:
            messages.append(str(error))
    assert messages
    assert all("cannot read wnids.txt: " in message for message in messages)


def test_damaged_zip(tmp_path: Path) -> None:
    path = put(tmp_path, tiny_files(), zipped=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"neither a folder nor a complete zip .*truncated"):
        load(ROW, data=tmp_path)
    at = whole.index(tiny_files()[N1[3]]) + 40
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(UserError, match=r"cannot read train/n1/images/n1_\d.JPEG: Bad CRC-32"):
        load(ROW, data=tmp_path)


def test_absent_data_is_said_to_be_got_by_hand(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable) as caught:
        load("tinyimagenet", data=tmp_path)
    message = str(caught.value)
    assert message.startswith(
        "dataset 'tinyimagenet' is not available: looked for tiny-imagenet-200, "
        f"tiny-imagenet-200.zip, tiny-imagenet-200-subset.zip in {tmp_path} (from --data); it is "
        "not downloaded automatically: get tiny-imagenet-200.zip"
    )
    assert message.endswith("or pass --data FOLDER, or set SAE_BENCH_DATA")


# ---------------------------------------------------------------- cache


@pytest.mark.parametrize("zipped", [False, True])
def test_cache_is_used_and_follows_the_files(
    tmp_path: Path, zipped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    data, cache = tmp_path / "data", tmp_path / "new" / "cache"
    data.mkdir()
    put(data, tiny_files(), zipped=zipped)
    first = load(ROW, data=data, cache=cache)
    (kept,) = cache.iterdir()
    assert kept.name.startswith("tinyimagenet-")
    with np.load(kept) as arrays:  # in MedMNIST's layout
        np.testing.assert_array_equal(arrays["val_labels"], first.val.y_B)
    caplog.clear()
    second = load(ROW, data=data, cache=cache)
    assert second.fingerprint == first.fingerprint == load(ROW, data=data).fingerprint
    (message,) = caplog.messages  # only the load without a cache decoded
    assert message.startswith("decoding 22 images of ")
    put(data, tiny_files() | {N1[0]: encoded(np.full((64, 64), 7), "JPEG")}, zipped=zipped)
    assert load(ROW, data=data, cache=cache).fingerprint != first.fingerprint
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_cache_is_made_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, tiny_files(), zipped=True)
    cache = tmp_path / "cache"
    fingerprint = load(ROW, data=tmp_path, cache=cache).fingerprint
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    if damage == "cut":
        kept.write_bytes(whole[:-100])
    elif damage == "flip":
        at = len(whole) // 2
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    else:
        kept.write_bytes(b"")
    assert load(ROW, data=tmp_path, cache=cache).fingerprint == fingerprint
    # Warnings alone: whether progress is logged too is up to whoever set the level of "bench".
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"{kept} are damaged" in warning.getMessage()
    assert kept.read_bytes() == whole
    assert list(cache.iterdir()) == [kept]


# ---------------------------------------------------------------- genuine files


@pytest.fixture(scope="session")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dataset, Path]]:
    """Decoded once a session; the cache of 369 MB goes with it."""
    if not ZIP.is_file():
        pytest.skip(f"SAE_BENCH_DATA does not hold {ZIP.name}")
    cache = tmp_path_factory.mktemp("tinyimagenet")
    yield load("tinyimagenet", data=ZIP.parent, cache=cache), cache
    shutil.rmtree(cache)


@pytest.fixture(scope="session")
def archive() -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(ZIP) as opened:
        yield opened


def pillow(content: bytes) -> tuple[str, npt.NDArray[np.uint8]]:
    with Image.open(io.BytesIO(content)) as image:
        return image.mode, np.asarray(image.convert("RGB"))


def test_genuine_sizes_and_class_counts(genuine: tuple[Dataset, Path]) -> None:
    dataset, _ = genuine
    assert dataset.image_shape == (64, 64, 3)
    counts = {name: np.bincount(split.y_B, minlength=200) for name, split in dataset.splits.items()}
    assert {name: set(n.tolist()) for name, n in counts.items()} == {
        "train": {90}, "val": {10}, "test": {50},
    }  # fmt: skip
    assert np.bincount(dataset.shift_test.y_B).tolist() == [2] * 200


def test_genuine_test_split_is_the_official_val(
    genuine: tuple[Dataset, Path], archive: zipfile.ZipFile
) -> None:
    dataset, _ = genuine
    lines = archive.read(f"{TOP}/{ANNOTATIONS}").decode().splitlines()
    wnids = sorted(archive.read(f"{TOP}/wnids.txt").decode().split())
    assert [wnids[label] for label in dataset.test.y_B] == [line.split("\t")[1] for line in lines]
    n_grey = 0
    for row in range(0, 10_000, 25):
        mode, expected = pillow(archive.read(f"{TOP}/val/images/{lines[row].split()[0]}"))
        difference = np.abs(dataset.test.images_BHWQ[row].astype(int) - expected)
        assert difference.max() <= 2
        assert difference.mean() < 0.5
        if mode == "L":
            n_grey += 1
            image = dataset.test.images_BHWQ[row]
            assert (image == image[..., :1]).all()
    assert n_grey > 2


def test_genuine_train_and_val_are_the_classes_images_once_each(
    genuine: tuple[Dataset, Path], archive: zipfile.ZipFile
) -> None:
    dataset, _ = genuine
    wnids = sorted(archive.read(f"{TOP}/wnids.txt").decode().split())
    for label in (0, 123, 199):
        folder = f"{TOP}/train/{wnids[label]}/images/"
        members = [name for name in archive.namelist() if name.startswith(folder)]
        expected = np.stack([pillow(archive.read(name))[1] for name in members]).astype(int)
        found = np.concatenate(
            [part.images_BHWQ[part.y_B == label] for part in (dataset.train, dataset.val)]
        )
        # Nearest of the other decoder's images for each: a permutation of them.
        distance = np.abs(found[:, None, ::8, ::8] - expected[None, :, ::8, ::8]).mean((2, 3, 4))
        assert sorted(distance.argmin(1)) == list(range(100))
        assert distance.min(1).max() < 0.5


def test_genuine_cache_is_the_same_and_quick(
    genuine: tuple[Dataset, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, cache = genuine
    monkeypatch.setattr("bench.data.tiny_imagenet.decode_images", None)  # decodes nothing
    start = time.process_time()
    again = load("tinyimagenet", data=ZIP.parent, cache=cache)
    assert time.process_time() - start < 8  # about 1.5; decoding takes 10 and more
    assert again.fingerprint == dataset.fingerprint
    # Pinned: another split of the same files would make other results of the same name.
    assert again.fingerprint == "d432af8a8ae704a8a5e605602ed0328b28905a83eb5199a6fbaa81c54cb2949b"
