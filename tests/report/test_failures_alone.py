"""A study in which every run failed: the report shows why, and figures tell the truth."""

from pathlib import Path

import pytest
from made_records import failed

from bench.figures.__main__ import main as draw
from bench.records.store import Store
from bench.report.__main__ import main as report


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for seed in (0, 1):
        store.save(failed({"config": {"seed": seed}, "error": {"message": "loss is nan"}}), {})
    return store.root


def test_the_report_opens(results: Path) -> None:
    assert report(["--results", str(results)]) == 0
    page = (results / "report.html").read_text()
    assert page.count("ValueError: loss is nan") >= 2


def test_figures_name_the_failures(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw(["--results", str(results), "--plots", str(tmp_path / "plots")]) == 2
    err = capsys.readouterr().err
    assert f"no finished runs in {results}: 2 failed; " in err
    assert f"bench.records failures --results {results}" in err
