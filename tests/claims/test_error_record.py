"""The record of how often claims are judged wrongly, and the page that is made from it."""

from __future__ import annotations

from pathlib import Path

from perf import claim_errors

DOCS = Path(__file__).parents[2] / "docs" / "claims"


def test_the_page_is_the_record() -> None:
    rows = claim_errors.read(DOCS / claim_errors.RECORD)
    assert (DOCS / claim_errors.PAGE).read_text() == claim_errors.table(rows)


def test_every_kind_of_claim_is_in_the_record_with_few_errors() -> None:
    rows = claim_errors.read(DOCS / claim_errors.RECORD)
    expected = {(one.claim, one.truth) for one in claim_errors.scenarios()}
    assert expected <= {(row["claim"], row["truth"]) for row in rows}
    for row in rows:
        wrong = row["verdicts"].get(row["wrong"], 0)
        # 5%, and what chance adds in so few studies (two standard errors).
        n = sum(row["verdicts"].values())
        assert wrong <= n * 0.05 + 2 * (n * 0.05 * 0.95) ** 0.5, row


def test_a_claim_measured_anew_replaces_its_rows(tmp_path: Path) -> None:
    options = ["--studies", "2", "--claims", "depth", "--out", str(tmp_path)]
    assert claim_errors.main(options) == 0
    first = claim_errors.read(tmp_path / claim_errors.RECORD)
    other = {**first[0], "claim": "another"}
    claim_errors.written([*first, other], [], tmp_path)
    assert claim_errors.main([*options[:1], "1", *options[2:]]) == 0
    second = claim_errors.read(tmp_path / claim_errors.RECORD)
    assert other in second
    assert {sum(row["verdicts"].values()) for row in second if row != other} == {1}
    page = (tmp_path / claim_errors.PAGE).read_text()
    assert page == claim_errors.table(second)
    assert page.count("\n| another |") == 1
