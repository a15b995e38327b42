"""Arrays under a key: what changes the key, and what a damaged file does."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.storage import cache
from bench.storage.cache import kept, path_of, read, syntax_digest

SOURCE = "def double(x):\n    return 2 * x\n"


def digest(folder: Path, source: str) -> str:
    path = folder / f"{abs(hash(source))}.py"
    path.write_text(source)
    return syntax_digest([path])


@pytest.mark.parametrize(
    "same",
    [
        "# why\n" + SOURCE,
        '"""A module."""\n' + SOURCE,
        'def double(x):\n    """Twice x."""\n    return 2 * x  # fast\n',
        "def double(\n    x,\n):\n\n    return (2 * x)\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, same: str) -> None:
    assert digest(tmp_path, same) == digest(tmp_path, SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("2", "3"), ("2", "2.0"), ("double", "twice"), ("x)", "x=1)")]
)
def test_code_counts(tmp_path: Path, old: str, new: str) -> None:
    assert digest(tmp_path, SOURCE.replace(old, new, 1)) != digest(tmp_path, SOURCE)


def test_the_key_has_facts_code_and_libraries(tmp_path: Path) -> None:
    module = ModuleType("some")
    module.__file__ = str(tmp_path / "some.py")
    (tmp_path / "some.py").write_text(SOURCE)
    first = path_of(tmp_path, "a", [1], [module], ["numpy"])
    others = [
        path_of(tmp_path, "a", [2], [module], ["numpy"]),
        path_of(tmp_path, "a", [1], [module], []),
        path_of(tmp_path, "a", [1], [cache], ["numpy"]),
    ]
    assert first == path_of(tmp_path, "a", [1], [module], ["numpy", "no-such-library"])
    assert len({first, *others}) == 4


def test_arrays_are_made_once_and_again_if_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, made = tmp_path / "below" / "a.npz", []

    def make() -> cache.Arrays:
        made.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        assert kept(path, make)["x"].tolist() == [0, 1, 2]
    assert len(made) == 1
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert read(path) is None
    assert "damaged" in caplog.text
    assert kept(path, make)["x"].tolist() == [0, 1, 2]
    assert len(made) == 2
    assert [each.name for each in path.parent.iterdir()] == ["a.npz"]


def test_mapped_arrays_are_those_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    arrays = {
        "images": images,
        "turned": images.T,
        "labels": np.arange(5),
        "none": np.empty((0, 3)),
    }
    cache.write(path, arrays)
    found = read(path)
    assert found is not None
    assert isinstance(found["images"], np.memmap)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    found["images"][0] = 0  # private: the file keeps what it has
    assert found["images"].flags.writeable
    np.testing.assert_array_equal(np.load(path)["images"], images)


def test_a_mapped_file_that_is_damaged_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    cache.write(path, {"images": np.zeros(100, np.uint8)})
    whole = path.read_bytes()
    for damaged in (b"", whole[:50], whole[:-30], whole.replace(bytes(100), bytes(99) + b"x")):
        path.write_bytes(damaged)
        assert read(path) is None


@pytest.mark.parametrize("save", [np.savez_compressed, np.savez])
def test_what_cannot_be_mapped_is_none(tmp_path: Path, save: Callable[..., None]) -> None:
    array = np.zeros(100, np.uint8 if save is np.savez_compressed else object)
    save(tmp_path / "a.npz", images=array)
    assert read(tmp_path / "a.npz") is None
