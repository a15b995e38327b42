"""An export's folder appears whole or not at all."""

from pathlib import Path

import pytest

from bench.deploy.export.folder import MARK, whole
from bench.errors import UserError


def write(target: Path, text: str, *, force: bool = False) -> None:
    with whole(target, force=force) as aside:
        assert aside != target
        (aside / MARK).write_text(text)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_it_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with whole(target, force=False) as aside:
        assert not target.exists()
        (aside / MARK).write_text("1")
    assert (target / MARK).read_text() == "1"
    assert names(target.parent) == ["out"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def half(aside: Path) -> None:
        (aside / MARK).write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError), whole(tmp_path / "out", force=False) as aside:
        half(aside)
    assert names(tmp_path) == []


def test_an_export_is_replaced_with_force_alone(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, "old")
    with pytest.raises(UserError, match="--force replaces it"):
        write(target, "new")
    assert (target / MARK).read_text() == "old"
    write(target, "new", force=True)
    assert (target / MARK).read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_an_error_keeps_the_old_export(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, "old")
    with pytest.raises(RuntimeError), whole(target, force=True):
        raise RuntimeError
    assert (target / MARK).read_text() == "old"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("force", [False, True])
def test_what_is_not_an_export_is_never_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(UserError, match="is not an export"):
        write(tmp_path / "mine", "new", force=force)
    (tmp_path / "file").write_text("years")
    with pytest.raises(UserError, match="is not an export"):
        write(tmp_path / "file", "new", force=force)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_where_one_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name another folder"):
        write(tmp_path / "file" / "out", "new")
