"""The command line: files, exit codes, and an instant help."""

import json
from pathlib import Path

import pytest

from bench.claims.__main__ import main
from bench.claims.paper import CLAIMS
from claims.stored_study import predictive, save


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed in range(3):
        good = predictive(range(20))
        save(tmp_path, "ens", "NN Ensemble", val=good, test=good, flops=200, seed=seed)
        save(
            tmp_path, "ib", "I/B", val=good, test=good, settings={"n_inputs": 2, "n_exits": 2},
            theta=[[0.5, 0.5]] * 2, seed=seed,
        )  # fmt: skip
    return tmp_path


def test_all_claims_are_judged_and_written(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(results)]) == 0
    found = json.loads((results / "claims.json").read_text())
    verdicts = {one["name"]: one["verdict"] for one in found}
    assert len(verdicts) == len(CLAIMS)
    assert verdicts["blood-ib"] == "supported"
    assert verdicts["retina-mimo"] == "no data"
    out = capsys.readouterr().out
    assert "blood-ib" in out
    assert str(results / "claims.md") in out
    assert (results / "claims.md").read_text().count("\n## ") == len(CLAIMS)
    assert (results / "claims.csv").read_text().startswith("claim,")
    assert not list(results.glob(".claims*"))


def test_named_claims_alone_go_to_another_folder(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    arguments = ["blood-ib", "--results", str(results), "--out", str(out)]
    assert main(arguments) == 0
    assert [one["name"] for one in json.loads((out / "claims.json").read_text())] == ["blood-ib"]
    assert not (results / "claims.json").exists()


def test_the_same_records_give_the_same_files(results: Path) -> None:
    contents = []
    for _ in range(2):
        assert main(["--results", str(results)]) == 0
        contents.append([(results / f"claims.{e}").read_bytes() for e in ("md", "csv", "json")])
    assert contents[0] == contents[1]


def test_an_unknown_name_is_the_users_mistake(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["blood-ib", "blod", "--results", str(results)]) == 2
    assert "unknown claim 'blod'; choices: tinyimagenet-ib, blood-ib" in capsys.readouterr().err
    assert not (results / "claims.md").exists()


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "file").write_text("")
    assert main(["blood-ib", "--results", str(results), "--out", str(results / "file")]) == 2
    assert "file" in capsys.readouterr().err
