"""What README and docs show of the reference study is what its committed records say."""

from pathlib import Path

import pytest

from perf import findings


@pytest.mark.parametrize("page", findings.PAGES, ids=[page.stem for page in findings.PAGES])
def test_every_block_is_what_the_records_say(page: Path) -> None:
    text = page.read_text()
    assert findings.filled(text) == text, "run `python -m perf.findings`"


def test_a_block_that_was_edited_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "BLOCKS", {"number": lambda: "3.14", "of": lambda name: name})
    right = "a\n<!-- number -->\n\n3.14\n\n<!-- end -->\nb\n<!-- of it -->\n\nit\n\n<!-- end -->\n"
    assert findings.filled(right) == right
    assert findings.filled(right.replace("3.14", "3")) == right
    assert findings.filled("no block") == "no block"


def test_the_committed_records_are_sound_and_small() -> None:
    from bench.records.verifying import damages

    folders = [path.parent for path in findings.REFERENCE.rglob("runs")]
    assert {damage for folder in folders for damage in damages(folder)} == set()
    files = [path for path in findings.REFERENCE.rglob("*") if path.is_file()]
    made = {".cache", "statistics", "tables"}  # by views, and not committed
    kept = [path for path in files if not made & {*path.relative_to(findings.REFERENCE).parts}]
    assert sum(path.stat().st_size for path in kept) <= 25e6
