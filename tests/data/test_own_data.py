import dataclasses
import io
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import encoded, write
from medmnist_arrays import arrays
from PIL import Image

from bench.data.dataset import Dataset
from bench.data.own import own_dataset
from bench.data.table import load
from bench.errors import UserError

GREY = {"train": [("b", 1), ("a", 2), ("b", 3)], "val": [("a", 4)], "test": [("b", 5), ("a", 6)]}


def palette_png(**options: Any) -> bytes:
    """2x3 pixels of colour (9, 8, 7), which is index 1 of its palette."""
    image = Image.fromarray(np.ones((2, 3), np.uint8), "P")
    image.putpalette([0, 0, 0, 9, 8, 7])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def npz(path: Path, **changes: Any) -> str:
    np.savez(path, **arrays(**changes))
    return str(path)


def class_folder(folder: Path, **extra: bytes) -> str:
    """Grey images of 2x3 pixels, all of the level in `GREY`."""
    files = {
        f"{split}/{name}/{level}.png": encoded(np.full((2, 3), level))
        for split, items in GREY.items()
        for name, level in items
    }
    write(folder, files | extra)
    return str(folder)


def target_folder(folder: Path, **tables: str) -> str:
    rows = {
        "train": "file,target\na.png,10\nsub/b.png,20\nc.png,12.5\n",
        "val": "file,target\na.png,25\n",
        "test": "target,note,file\n5,x,a.png\n",
    } | tables
    files = {f"{split}/targets.csv": text.encode() for split, text in rows.items()}
    files["train/c.png"] = files["val/a.png"] = files["test/a.png"] = encoded(np.full((2, 3), 3))
    files |= {"train/a.png": encoded(np.full((2, 3), 1))}
    files |= {"train/sub/b.png": encoded(np.full((2, 3), 2))}
    write(folder, files)
    return str(folder)


def levels(dataset: Dataset, split: str) -> list[int]:
    levels_B: list[int] = dataset.splits[split].images_BHWQ[:, 0, 0, 0].tolist()
    return levels_B


# ---------------------------------------------------------------- npz


def test_npz_classification(tmp_path: Path) -> None:
    row = own_dataset(npz(tmp_path / "My Cells.npz"), task="classification")
    assert (row.task, row.n_classes, row.backbone, row.target_range) == (
        "classification", 2, "fc", None,
    )  # fmt: skip
    assert (row.augment, row.shift_images) == ("none", None)
    assert re.fullmatch("my-cells-[0-9a-f]{10}", row.name)
    dataset = load(pickle.loads(pickle.dumps(row)))
    assert dataset.name == row.name
    assert dataset.train.y_B.tolist() == [0, 1, 0, 1]
    assert dataset.train.images_BHWQ[1].ravel().tolist() == [6, 7, 8, 9, 10, 11]


def test_npz_regression_is_scaled_by_the_training_split(tmp_path: Path) -> None:
    spec = npz(
        tmp_path / "ages.npz",
        train_labels=np.array([20.0, 60.0, 30.0, 40.0], np.float32),
        val_labels=np.array([10, 60]),
        test_labels=np.array([[80.0], [20.0]]),
    )
    row = own_dataset(spec, task="regression")
    assert (row.n_classes, row.target_range) == (0, (20.0, 60.0))
    dataset = load(row)
    assert dataset.target_range == (20.0, 60.0)
    assert dataset.train.y_B.tolist() == [0.0, 1.0, 0.25, 0.5]
    assert dataset.val.y_B.tolist() == [-0.25, 1.0]
    assert dataset.test.y_B.tolist() == [1.5, 0.0]


def test_names_follow_content_and_task_not_place(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = own_dataset(npz(tmp_path / "own.npz"), task="classification")
    moved = own_dataset(npz(tmp_path / "other" / "own.npz"), task="classification")
    assert moved.name == first.name
    assert own_dataset(first.source, task="regression").name != first.name
    changed = npz(tmp_path / "other" / "own.npz", test_labels=np.array([1, 1]))
    assert own_dataset(changed, task="classification").name != first.name
    odd = own_dataset(npz(tmp_path / f"Ünï_{'x' * 99}.npz"), task="classification")
    assert re.fullmatch("n-x{21}-[0-9a-f]{10}", odd.name)
    only = own_dataset(npz(tmp_path / "数据.npz"), task="classification")
    assert re.fullmatch("own-[0-9a-f]{10}", only.name)


@pytest.mark.parametrize(
    ("changes", "task", "message"),
    [
        ({"train_labels": np.array([1, 2, 1, 2])}, "classification", "labels are 1, 2: .* 0..C-1"),
        ({"train_labels": np.array([0, 2, 0, 2])}, "classification", "labels are 0, 2: .* 0..C-1"),
        ({"train_labels": np.zeros(4, int)}, "classification", "labels are 0: .* 2 classes or m"),
        ({"train_labels": np.arange(-1, 11)}, "classification", "-1, 0, .* 8, ...: they must"),
        ({"train_labels": np.zeros(4)}, "classification", "labels are float64: they must be int"),
        ({"train_labels": np.zeros((4, 2))}, "regression", r"labels have shape \(4, 2\)"),
        ({"train_labels": np.array(["a"] * 4)}, "regression", "<U1: they must be integers or fl"),
        ({"train_labels": np.arange(4).astype("m8[s]")}, "regression", "timedelta64.*: they must"),
        ({"train_labels": np.ones(4)}, "regression", "finite and not all the same"),
        ({"train_labels": np.array([1, np.nan, 2, 3])}, "regression", "not all the same"),
        ({"train_labels": np.array([-1e308, 1e308, 0, 0])}, "regression", "must be finite"),
        ({"train_labels": None}, "classification", "lacks train_labels"),
    ],
)  # fmt: skip
def test_npz_labels_refused(
    tmp_path: Path, changes: dict[str, Any], task: Any, message: str
) -> None:
    spec = npz(tmp_path / "own.npz", **changes)
    with pytest.raises(UserError, match=message) as caught:
        own_dataset(spec, task=task)
    assert str(caught.value).startswith(spec)


def test_npz_of_another_layout_is_refused_on_load(tmp_path: Path) -> None:
    row = own_dataset(npz(tmp_path / "a.npz", val_labels=np.array([0, 2])), task="classification")
    with pytest.raises(UserError, match=r"split 'val': label 2 is out of range: .* 0\.\.1"):
        load(row)
    images = np.zeros((2, 5, 3), np.uint8)
    row = own_dataset(npz(tmp_path / "b.npz", test_images=images), task="classification")
    with pytest.raises(UserError, match=r"split 'test' has images of shape \(5, 3, 1\)"):
        load(row)


# ---------------------------------------------------------------- folder


def test_numeric_names_are_in_numeric_order(tmp_path: Path) -> None:
    files = {f"{split}/{name}/1.png": encoded(np.full((2, 3), level))
             for split in GREY for level, name in enumerate(("10", "2", "1.5", "-1"))}  # fmt: skip
    write(tmp_path, files)
    dataset = load(own_dataset(str(tmp_path), task="classification"))
    assert dataset.class_names == ("-1", "1.5", "2", "10")
    assert dict(zip(levels(dataset, "val"), dataset.val.y_B.tolist(), strict=True)) == {
        0: 3, 1: 2, 2: 1, 3: 0,
    }  # fmt: skip


def test_one_name_in_two_unicode_forms(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    files = {f"{split}/{name}/1.png": encoded(np.full((2, 3), 7))
             for split, name in (("train", composed), ("val", apart), ("test", apart))}  # fmt: skip
    write(tmp_path, files | {"train/b/2.png": encoded(np.zeros((2, 3)))})
    dataset = load(own_dataset(str(tmp_path), task="classification"))
    assert dataset.class_names == ("b", composed)
    assert dataset.val.y_B.tolist() == [1]
    write(tmp_path, {f"val/{composed}/1.png": encoded(np.zeros((2, 3)))})
    with pytest.raises(UserError, match=f"two files of the name val/{composed}/1.png"):
        own_dataset(str(tmp_path), task="classification")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.symlink_to("/nowhere/picture.png"), "cannot read train/a/9.png: No such file"),
        (lambda p: p.symlink_to(p), "cannot read train/a/9.png: Too many levels"),
        (lambda p: p.symlink_to(p.parent), "train/a/9.png is a link to a folder above it"),
        (lambda p: p.symlink_to(p.parents[2]), "train/a/9.png is a link to a folder above it"),
        (lambda p: p.symlink_to("/dev/zero"), "train/a/9.png is a pipe or a device"),
        (os.mkfifo, "train/a/9.png is a pipe or a device"),
        (lambda p: p.with_name("9\n.png").touch(), r"'train/a/9\\n.png' has a control character"),
        (lambda p: p.with_name("9\udcff.png").touch(), r"'train/a/9\\udcff.png' has a control"),
    ],
)
def test_files_that_are_none(tmp_path: Path, make: Any, message: str) -> None:
    spec = class_folder(tmp_path / "own")
    make(tmp_path / "own/train/a/9.png")
    with pytest.raises(UserError, match=message) as caught:
        own_dataset(spec, task="classification")
    assert str(caught.value).startswith(spec)


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = class_folder(tmp_path / "own")
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("bench.data.file_tree.os.scandir", scandir)
    with pytest.raises(UserError, match=r"own: cannot read (train|val|test)/b: Permission denied"):
        own_dataset(spec, task="classification")


def test_links_that_lead_somewhere_are_followed(tmp_path: Path) -> None:
    spec = class_folder(tmp_path / "own")
    (tmp_path / "own/train/a").rename(tmp_path / "elsewhere")
    (tmp_path / "own/train/a").symlink_to(tmp_path / "elsewhere")
    assert levels(load(own_dataset(spec, task="classification")), "train") == [2, 1, 3]


def test_what_systems_leave_in_folders_is_no_data(tmp_path: Path) -> None:
    spec = class_folder(tmp_path / "own")
    plain = own_dataset(spec, task="classification")
    litter = ("train/a/Thumbs.db", "train/desktop.ini", "train/.DS_Store", "__MACOSX/train/._1.png")
    write(tmp_path / "own", dict.fromkeys((*litter, "val/__MACOSX/a/1.png"), b"x"))
    assert own_dataset(spec, task="classification") == plain


def test_class_folder(tmp_path: Path) -> None:
    row = own_dataset(class_folder(tmp_path / "leaves"), task="classification")
    assert re.fullmatch("leaves-[0-9a-f]{10}", row.name)
    assert row.n_classes == 2
    dataset = load(row)
    assert dataset.image_shape == (2, 3, 1)  # all of them are grey
    assert {split: levels(dataset, split) for split in GREY} == {
        "train": [2, 1, 3], "val": [4], "test": [6, 5],
    }  # fmt: skip
    assert dataset.train.y_B.tolist() == [0, 1, 1]
    assert dataset.val.y_B.tolist() == [0]
    assert dataset.test.y_B.tolist() == [0, 1]


def test_target_folder(tmp_path: Path) -> None:
    row = own_dataset(target_folder(tmp_path / "ages"), task="regression")
    assert row.target_range == (10.0, 20.0)
    dataset = load(row)
    assert levels(dataset, "train") == [1, 2, 3]
    assert dataset.train.y_B.tolist() == [0.0, 1.0, 0.25]
    assert dataset.val.y_B.tolist() == [1.5]
    assert dataset.test.y_B.tolist() == [-0.5]
    # A spreadsheet's byte order mark and line ends.
    (tmp_path / "ages/val/targets.csv").write_bytes(b"\xef\xbb\xbffile,target\r\na.png,30\r\n")
    assert load(own_dataset(row.source, task="regression")).val.y_B.tolist() == [2.0]


def test_one_colour_image_makes_all_of_them_rgb(tmp_path: Path) -> None:
    colour = np.array([[[9, 8, 7]] * 3] * 2)
    spec = class_folder(tmp_path, **{
        "val/b/7.PNG": palette_png(),
        "val/b/8.jpeg": encoded(np.full((2, 3), 200), "JPEG"),
        "val/b/9.png": encoded(colour, mode="RGBA"),  # opaque
        "val/.DS_Store": b"hidden",
    })  # fmt: skip
    val = load(own_dataset(spec, task="classification")).val.images_BHWQ
    expected = [[4, 4, 4], [9, 8, 7], [200, 200, 200], [9, 8, 7]]
    assert val.shape == (4, 2, 3, 3)
    assert (val == np.array(expected)[:, None, None]).all()


def test_folder_name_follows_its_content(tmp_path: Path) -> None:
    first = own_dataset(class_folder(tmp_path / "x" / "own"), task="classification")
    second = own_dataset(class_folder(tmp_path / "y" / "own"), task="classification")
    assert second.name == first.name
    (tmp_path / "y/own/val/a/4.png").rename(tmp_path / "y/own/val/b")
    renamed = own_dataset(second.source, task="classification")
    assert renamed.name != first.name


def test_folder_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    row = own_dataset(class_folder(tmp_path / "own"), task="classification")
    first = load(row, cache=cache)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr("bench.data.own.read_image_folder", None)
    assert load(row, cache=cache).fingerprint == first.fingerprint


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_content_that_changed_since_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("own.npz" if kind == "npz" else "own")
    row = own_dataset((npz if kind == "npz" else class_folder)(path), task="classification")
    if kind == "npz":
        npz(path, train_labels=np.array([1, 0, 1, 0]))
    else:
        (path / "train/a/2.png").write_bytes(encoded(np.full((2, 3), 99)))
    with pytest.raises(UserError, match=rf"{path} has changed since .*{row.name}"):
        load(row)
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=rf"{path} of dataset '{row.name}' is gone"):
        load(row)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"val/c/1.png": encoded(np.zeros((2, 3)))}, "val/c is no class of train: a, b"),
        ({"test/a/1.png": encoded(np.zeros((3, 2)))}, r"test/a/1.png is 3x2 .* must be 2x3"),
        ({"train/a/1.png": encoded(np.zeros((3, 2)))}, "must be 3x2 as train/a/1.png is"),
        ({"train/a/1.png": b"no"}, "train/a/1.png cannot be used: it is none of"),
        ({"train/a/1.png": encoded(np.zeros((2, 3)))[:45]}, "train/a/1.png cannot be used"),
        ({"val/a/1.png": palette_png(transparency=1)}, "val/a/1.png cannot .* transparent"),
        ({"val/a/1.gif": b""}, "val/a/1.gif is none of .png, .jpg, .jpeg"),
        ({"val/1.png": b""}, "val/1.png must be in val/<class>/"),
        ({"val/a/b/1.png": b""}, "val/a/b/1.png must be in val/<class>/"),
        (
            {"val/a/1.png": encoded(np.full((2, 3, 4), 7))},
            "val/a/1.png cannot be used: it is transparent",
        ),
        (
            {"val/a/1.png": encoded(np.full((2, 3), 7), mode="I;16")},
            "1.png cannot .* 16 bits a channel: .* 8 bits",
        ),
    ],
)
def test_class_folder_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    spec = class_folder(tmp_path, **files)
    with pytest.raises(UserError, match=message) as caught:
        load(own_dataset(spec, task="classification"))
    assert str(caught.value).startswith(spec)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,target\na.png,1\n", "val/targets.csv must have the header file,target"),
        ("", "must have the header"),
        ("file,target\nz.png,1\n", "val/targets.csv line 2: there is no image val/z.png"),
        ("file,target\na.png,1\na.png,2\n", "line 3: a.png has a row already"),
        ("file,target\n", "has no row of val/a.png"),
        ("file,target\na.png,old\n", "line 2: target 'old' must be a finite number"),
        ("file,target\na.png,nan\n", "target 'nan' must be a finite"),
        ("file,target\na.png\n", "line 2 has 1 fields, the header has 2$"),
        ("file,target\na.png,3,75\n", "line 2 has 3 fields, the header has 2: a decimal comma?"),
        ("file;target\na.png;3,75\n", "header file,target, each once: it is 'file;target'"),
        ("file,target,target\na.png,1,2\n", "each once: it is 'file,target,target'"),
        ("file,target\na.png,1_000\n", "target '1_000' must be a finite number such as 3.75"),
        ("file,target\na.png,\u0663\n", "must be a finite number"),
        ("file,target\na.png,1e999\n", "must be a finite number"),
        ("file,target\na.png,0x10\n", "must be a finite number"),
        ("file,target\na.png,\n", "target '' must be a finite"),
        (f"file,target\n{'a' * 140_000},1\n", "line 2: field larger than field limit"),
        ('file,target\n"a.png,1\n', "line 2: unexpected end of data"),
        ('file,target\n"a".png,1\n', "line 2: ',' expected after"),
        ("file,target\na.png\x0b,1\n", "line 2: there is no image"),
        (f"file,target\n{'a' * 5000},1\n", r"there is no image val/a{96}\.\.\.$"),
        (f"file,target\na.png,{'1' * 5000}\n", r"target '1{100}\.\.\.' must be"),
        ("file,target\na.png,1e300\n", "target 1e\\+300: .* not too far from .* train, 10 to 20$"),
    ],
)
def test_target_folder_refused(tmp_path: Path, table: str, message: str) -> None:
    spec = target_folder(tmp_path, val=table)
    with pytest.raises(UserError, match=message):
        load(own_dataset(spec, task="regression"))


def test_folders_of_the_other_task_or_of_none(tmp_path: Path) -> None:
    classes = class_folder(tmp_path / "classes")
    with pytest.raises(UserError, match=r"lacks train/targets.csv"):
        own_dataset(classes, task="regression")
    targets = target_folder(tmp_path / "targets")
    with pytest.raises(
        UserError, match=r"train/a.png must be in train/<class>/ for classification"
    ):
        own_dataset(targets, task="classification")
    constant = target_folder(
        tmp_path / "constant", train="file,target\na.png,1\nsub/b.png,1\nc.png,1\n"
    )
    with pytest.raises(UserError, match="finite and not all the same"):
        own_dataset(constant, task="regression")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no images in train: the layout must be \{train,val,test"):
        own_dataset(str(tmp_path / "empty"), task="classification")
    (tmp_path / "classes/train/c").mkdir()
    with pytest.raises(UserError, match="train/c has no images: add some or remove it"):
        own_dataset(classes, task="classification")
    write(tmp_path / "single", {"train/a/1.png": encoded(np.zeros((2, 3)))})
    with pytest.raises(UserError, match="only the class folder a: there must be 2 or more"):
        own_dataset(str(tmp_path / "single"), task="classification")


def test_no_such_data(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"own data .*/absent: .* does not exist: it must be a .npz"
    ):
        own_dataset(str(tmp_path / "absent"), task="classification")
    (tmp_path / "own.csv").touch()
    with pytest.raises(UserError, match=r"is neither a folder nor a .npz file"):
        own_dataset(str(tmp_path / "own.csv"), task="classification")
    for spec in ("~nobody-here/x", "a\0b", "x" * 5000, f"{tmp_path}/own.csv/below"):
        with pytest.raises(UserError, match="own data "):
            own_dataset(spec, task="classification")
    task: Any = "ranking"
    with pytest.raises(UserError, match="no task 'ranking'; choices: classification, regression"):
        own_dataset(str(tmp_path), task=task)


def test_rows_of_the_same_data_are_equal(tmp_path: Path) -> None:
    spec = npz(tmp_path / "own.npz")
    first, second = (own_dataset(spec, task="classification") for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)  # so that a process reads the data once
    assert load(dataclasses.replace(first, shift_images=1)).shift_images == 1
