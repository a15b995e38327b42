import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.data.inspection import duplicates
from bench.data.listing import listing
from bench.data.medmnist_rows import info_table
from bench.data.table import DATASETS, find, load
from bench.errors import UserError
from methods.core.backbone import ImageShape

GENUINE = os.environ.get("SAE_BENCH_DATA")
SIZES = {
    "pneumonia": (4708, 524, 624),
    "breast": (546, 78, 156),
    "blood": (11959, 1712, 3421),
    "retina": (1080, 120, 400),
}


# ---------------------------------------------------------------- table and import


def test_unknown_name() -> None:
    with pytest.raises(UserError, match=r"^unknown dataset 'mnist'; choices: digits, path, derma,"):
        load("mnist")
    with pytest.raises(UserError, match=r"cifar100; MedMNIST's also at 64, 128, 224 px, .*or a"):
        load("mnist")
    with pytest.raises(UserError, match="did you mean 'pneumonia_64'"):
        load("pneumnia_64")
    for name in ("chest", "chest_64"):
        with pytest.raises(UserError, match=r"^dataset 'chest.*' is multi-label \(14 findings"):
            load(name)


def test_rows_agree_with_medmnist() -> None:
    import medmnist

    assert info_table() == medmnist.INFO
    rows = [row for row in DATASETS.values() if row.source.endswith(".npz")]
    assert len(rows) == 11 * 4
    for row in rows:
        flag, _, size = Path(row.source).stem.partition("_")
        info = medmnist.INFO[flag]
        labels = [info["label"][str(k)] for k in range(len(info["label"]))]
        assert (f"MD5_{size}" if size else "MD5") in info
        assert row.size == int(size or 28)
        assert row.name == flag.removesuffix("mnist") + (f"_{size}" if size else "")
        assert row.citation.startswith(info["license"])
        if row.task == "regression":
            assert (flag, row.target_range) == ("retinamnist", (0, len(labels) - 1))
        else:
            assert list(row.class_names) == labels
    assert list(DATASETS) == [row.name for row in DATASETS.values()]


def test_the_papers_pairing() -> None:
    pairs = {name: DATASETS[name].backbone for name in ("pneumonia", "blood", "retina")}
    assert pairs == {"pneumonia": "fc", "blood": "vgg", "retina": "vit"}
    assert {row.backbone for row in DATASETS.values() if (row.size or 0) >= 64} == {"resnet"}


@pytest.mark.parametrize("name", ["path", "organs", "retina_64", "derma_224", "tinyimagenet"])
@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_what_rows_set_can_be_planned_and_built(name: str, preset: str) -> None:
    from bench.runs.plan import Request, plan

    row = DATASETS[name]
    configs = plan(Request(datasets=[row], methods=["standard", "sae"], seeds=[0], preset=preset))
    assert configs
    side = row.size or 0
    for config in configs:
        config.backbone_settings.check(ImageShape(3, side, side))


def test_listing_names_every_row_with_task_size_and_licence() -> None:
    lines = listing().splitlines()
    for row in DATASETS.values():
        (line,) = [line for line in lines if line.split(" ")[0] == row.name]
        assert f"{row.size} x {row.size}" in line
        assert line.endswith(row.citation.partition(";")[0])
    assert "derma_224       7 classes           224 x 224  resnet    CC BY-NC 4.0" in lines
    assert "  breast: 0 malignant; 1 normal, benign" in lines


def test_rows_go_to_worker_processes() -> None:
    for row in DATASETS.values():
        assert pickle.loads(pickle.dumps(row)) == row
        assert hash(row) == hash(row)


def test_paths_are_told_from_names(tmp_path: Path) -> None:
    assert find("breast") is DATASETS["breast"]
    for spec in ("own.npz", f"{tmp_path}/own"):
        with pytest.raises(UserError, match=r"own data .* its task must be declared: classific"):
            find(spec)
        with pytest.raises(UserError, match="does not exist"):
            find(spec, task="regression")


def test_import_is_cheap() -> None:
    code = (
        "import sys; from bench.data.table import DATASETS; print(*DATASETS); "
        "slow = {'numpy', 'torch', 'torchvision', 'medmnist', 'sklearn', 'pandas', 'PIL'}; "
        "print(slow & set(sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout.splitlines() == [" ".join(DATASETS), "set()"]


# ---------------------------------------------------------------- genuine files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("breast", {"train_test": 1, "train_test_other_label": 1}),
        ("pneumonia", {"train_val": 8}),
        ("blood", {"train_val": 3, "train_test": 5, "train_test_other_label": 1, "val_test": 1}),
        ("retina", {}),
    ],
)
def test_genuine_duplicates(name: str, expected: dict[str, int]) -> None:
    dataset, _ = genuine(name)
    counts = duplicates(dataset)
    assert {key: count for key, count in counts.items() if count} == expected
    left = load(f"{name}-dedup")
    assert left.name == f"{name}-dedup"
    found = duplicates(left)
    assert found["train_test"] == found["val_test"] == 0
    removed = len(dataset.train.y_B) - len(left.train.y_B)
    assert removed == expected.get("train_test", 0)
    assert left.test is not None
    assert (left.test.images_BHWQ == dataset.test.images_BHWQ).all()


def genuine(name: str) -> tuple[Dataset, dict[str, Any]]:
    path = Path(GENUINE or "") / DATASETS[name].source
    if not GENUINE or not path.is_file():
        pytest.skip(f"SAE_BENCH_DATA does not hold {path.name}")
    with np.load(path, allow_pickle=False) as archive:
        return load(name), dict(archive)


@pytest.mark.parametrize("name", SIZES)
def test_genuine_file_is_read_as_numpy_reads_it(name: str) -> None:
    dataset, raw = genuine(name)
    assert tuple(len(split.y_B) for split in dataset.splits.values()) == SIZES[name]
    for split_name, split in dataset.splits.items():
        images, labels = raw[f"{split_name}_images"], raw[f"{split_name}_labels"][:, 0]
        np.testing.assert_array_equal(split.images_BHWQ.reshape(images.shape), images)
        scale = 1 if dataset.n_classes else 4
        assert split.y_B.dtype == (np.int64 if dataset.n_classes else np.float32)
        counts = {int(value * scale): n for value, n in Counter(split.y_B.tolist()).items()}
        assert counts == Counter(labels.tolist())
        np.testing.assert_array_equal(split.y_B * scale, labels)


@pytest.mark.parametrize(("name", "shape"), [("breast", (28, 28, 1)), ("retina", (28, 28, 3))])
def test_genuine_train_statistics(name: str, shape: tuple[int, int, int]) -> None:
    dataset, raw = genuine(name)
    assert dataset.image_shape == shape
    pixels = raw["train_images"].reshape(-1, shape[2]) / 255
    np.testing.assert_allclose(dataset.mean_Q, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(dataset.std_Q, pixels.std(axis=0), rtol=1e-9)


def test_genuine_blood_and_retina_counts() -> None:
    blood, _ = genuine("blood")
    # MedMNIST v2, table of BloodMNIST: 17,092 images of 8 classes.
    counts = np.bincount(np.concatenate([split.y_B for split in blood.splits.values()]))
    assert counts.tolist() == [1218, 3117, 1551, 2895, 1214, 1420, 3329, 2348]
    retina, _ = genuine("retina")
    assert retina.target_range == (0.0, 4.0)
    assert sorted(set(retina.train.y_B.tolist())) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_genuine_fingerprint_is_stable_and_tells_files_apart() -> None:
    breast, _ = genuine("breast")
    assert breast.fingerprint == load("breast").fingerprint
    assert breast.fingerprint == "af7198cde9011abea3e3783a4e9cddc0eeb7a415409ec3d2db8724718efa05c0"
    pneumonia, _ = genuine("pneumonia")
    assert pneumonia.fingerprint != breast.fingerprint


# ---------------------------------------------------------------- digits


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def test_digits_splits_are_stratified(digits: Dataset) -> None:
    assert [len(split.y_B) for split in digits.splits.values()] == [1077, 360, 360]
    whole = np.bincount(np.concatenate([split.y_B for split in digits.splits.values()]))
    assert whole.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI's counts
    for split in digits.splits.values():
        expected = whole * len(split.y_B) / 1797
        # Rounding to whole images moves a class by less than one image a split it goes through.
        assert np.abs(np.bincount(split.y_B) - expected).max() < 2


def test_digits_splits_are_disjoint_and_cover_all_with_their_labels(digits: Dataset) -> None:
    from sklearn.datasets import load_digits

    raw = load_digits()
    # x * 255 / 16 by hand; 8 -> 127.5 is the only tie.
    table = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    expected = Counter(
        (bytes(table[int(v)] for v in image.ravel()), int(label))
        for image, label in zip(raw.images, raw.target, strict=True)
    )
    found = Counter(
        (image.tobytes(), int(label))
        for split in digits.splits.values()
        for image, label in zip(split.images_BHWQ, split.y_B, strict=True)
    )
    # Multisets of (image, label): 1797 of them, so a repeated or a lost image shows.
    assert found.total() == 1797
    assert found == expected


def test_digits_are_the_same_in_every_process_and_release(digits: Dataset) -> None:
    assert digits.image_shape == (8, 8, 1)
    assert load("digits").fingerprint == digits.fingerprint
    # Pinned: if scikit-learn ever shuffles differently, past records are of another dataset.
    assert digits.fingerprint == "5bcfdd27e1fc1596109539b91a8e0ad678a2b06f9756268ec49c4ec343d9c831"


def test_digits_need_no_data_folder(tmp_path: Path) -> None:
    assert load("digits", data=tmp_path / "absent").n_classes == 10
