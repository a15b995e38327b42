"""The command: instant help, clear errors, a file that is whole or not there."""

import logging
from pathlib import Path

import pytest

from bench.report import __main__ as cli
from bench.report import page as page_module
from bench.report.page import FOLDER


def test_a_folder_in_place_of_the_file_is_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--results", str(results), "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_folder_that_can_not_be_made_is_the_users_error(
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    _render_as(monkeypatch, "page")
    assert cli.main(["--results", str(results), "--out", str(tmp_path / "file" / "r.html")]) == 2
    assert "file: File exists; it is no folder: choose another" in capsys.readouterr().err


def _render_as(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("bench.report.build.content", lambda study: study)
    monkeypatch.setattr(page_module, "render", lambda _: text)


def test_the_file_is_written_into_a_new_folder(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    _render_as(monkeypatch, "the page")
    out = tmp_path / "new" / "report.html"
    assert cli.main(["--results", str(results), "--out", str(out)]) == 0
    assert out.read_text() == "the page"
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    assert str(out) in caplog.text


def test_a_failure_leaves_the_old_file_whole(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    _render_as(monkeypatch, "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        cli.main(["--results", str(results), "--out", str(out)])
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_everything_that_is_inlined_is_in_a_list() -> None:
    """A style or script that no list names would never reach the page."""
    listed = {f"{name}.css" for name in page_module._STYLES}
    listed |= {f"{name}.js" for name in (*page_module._EARLY_SCRIPTS, *page_module._SCRIPTS)}
    listed.add(page_module.PLOTLY.name)
    assert {path.name for path in FOLDER.rglob("*") if path.suffix in {".css", ".js"}} == listed
