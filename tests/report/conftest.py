"""One hand-made study for all tests of the report, and its page."""

from pathlib import Path

import pytest

from bench.records.frames import Frames
from bench.records.store import Store
from bench.report.build import content
from bench.report.page import Content, render
from bench.report.study import Study, read_study
from report.studies import failed_run, run_config, write_study

HOSTILE = "</script><b onclick=alert(1)>&\"'"


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, every category, and a failed run whose message is hostile."""
    root = write_study(tmp_path_factory.mktemp("study"))
    failed = run_config("pneumonia", "sae", {"n_inputs": 4, "n_exits": 2}, 0)
    Store(root).save(failed_run(failed, HOSTILE), {})
    return root


@pytest.fixture(scope="session")
def study(results: Path) -> Study:
    return read_study(results)


@pytest.fixture(scope="session")
def frames(study: Study) -> Frames:
    return study.frames


@pytest.fixture(scope="session")
def shown(study: Study) -> Content:
    return content(study)


@pytest.fixture(scope="session")
def page(shown: Content) -> str:
    return render(shown)


@pytest.fixture(scope="session")
def page_file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page)
    return path
