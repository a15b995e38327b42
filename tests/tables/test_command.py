"""The command line: files, exit codes, registration, and an instant help."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from claims.stored_study import predictive, save

from bench import tables as registry
from bench.errors import UserError
from bench.formatting.table import Table
from bench.records.frames import Frames
from bench.tables.__main__ import main

NAMES = ("best", "budget", "costs", "effects", "ranks", "selection", "summary")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    good = predictive(range(20))
    for seed in (0, 1):
        save(tmp_path, "ens", "NN Ensemble", seed=seed, val=good, test=good, flops=200)
    for seed in (0, 1):
        save(
            tmp_path, "ib", "I/B", seed=seed, val=good, test=predictive(range(30)),
            settings={"n_inputs": 2, "n_exits": 2},
        )  # fmt: skip
    return tmp_path


def test_the_tables_are_the_files() -> None:
    assert registry.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_table_can_be_loaded(name: str) -> None:
    assert callable(registry.load(name))


def test_an_unknown_table_lists_the_choices() -> None:
    with pytest.raises(UserError, match="unknown table 'bset'; choices: best, budget, costs"):
        registry.load("bset")


def test_a_module_without_the_function_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TABLES", replace(registry._TABLES, others=frozenset()))
    with pytest.raises(ValueError, match=r"printed\.py has no function tables\(frames\)"):
        registry.load("printed")


def test_a_table_is_written_in_every_format(results: Path) -> None:
    assert main(["best", "costs", "--results", str(results)]) == 0
    names = sorted(path.name for path in (results / "tables").iterdir())
    assert names == [
        f"{stem}.{ending}"
        for stem in ("best_blood", "costs_chosen", "costs_counts", "costs_shares")
        for ending in ("csv", "md", "tex")
    ]
    table = pd.read_csv(results / "tables" / "best_blood.csv")
    point = table[(table["metric"] == "accuracy") & (table["category"] == "I/B")].iloc[0]
    assert (point["val"], point["test"], point["ood"]) == pytest.approx((0.90, 0.85, 0.85))
    # 30 errors in 200: 1.96 sqrt(0.15 * 0.85 / 200) = 0.049.
    assert (point["test_low"], point["test_high"]) == pytest.approx((0.80, 0.90), abs=0.01)


def test_the_same_records_give_the_same_files(results: Path) -> None:
    contents = []
    for _ in range(2):
        assert main(["best", "--results", str(results)]) == 0
        files = sorted((results / "tables").iterdir())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_a_typo_costs_nothing(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", "rank", "--results", str(results)]) == 2
    assert "unknown table 'rank'" in capsys.readouterr().err
    assert not (results / "tables").exists()


def test_a_table_that_fails_leaves_none_half_written(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Frames) -> Iterator[Table]:
        cells = pd.DataFrame({"a": ["b"]})
        yield Table(stem="whole", caption="", numbers=cells, cells=cells)
        raise RuntimeError

    monkeypatch.setattr("bench.tables.__main__.load", lambda _: failing)
    with pytest.raises(RuntimeError):
        main(["best", "--results", str(results)])
    names = sorted(path.name for path in (results / "tables").iterdir())
    assert names == ["whole.csv", "whole.md", "whole.tex"]
