"""`python -m bench.records diff`: what differs between two studies, or two runs."""

from pathlib import Path

import numpy as np
import pytest
from stored_study import classifier, save, with_labels

from bench.records.__main__ import main


def study(root: Path, wrong: int, seeds: int = 3) -> list[str]:
    """A study whose test labels are wrong in some samples more."""
    ids = []
    for seed in range(seeds):
        test = classifier(np.random.default_rng(seed))
        y_B = test.mixed_BC.argmax(axis=1)
        y_B[:wrong] = (y_B[:wrong] + 1) % 3
        splits = {"val": test, "test": with_labels(test, y_B)}
        ids.append(save(root, splits, seed=seed, flops=1000 + wrong))
    return ids


def accuracy(out: str, split: str = "test") -> list[str]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()]
    (row,) = [row for row in rows if row[4:6] == [split, "accuracy"]]
    return row


def test_two_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path / "a", 0)
    study(tmp_path / "b", 6, seeds=2)
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    out = capsys.readouterr().out
    assert "3 runs; B: " in out
    assert "\n  seed: A 0, 1, 2; B 0, 1\n" in out
    assert "Circumstances: no difference" in out
    # 6 of 60 samples are wrong in B, for the two seeds that both have.
    *_, mean, change, seeds = accuracy(out)
    assert (mean, seeds) == ("1.0000", "2")
    assert change.startswith("-0.1000 [-0.")
    assert accuracy(out, "val")[-2] == "0.0000 [0.0000, 0.0000]"


def test_two_runs_of_any_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = study(tmp_path, 0, seeds=2)
    assert main(["diff", first, second, "--results", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\n  seed: A 0; B 1\n" in out
    assert accuracy(out)[-2].startswith("0.0000")


def test_what_is_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, 0, seeds=1)
    assert main(["diff", "nothing", str(tmp_path), "--results", str(tmp_path)]) == 2
    assert "no run 'nothing' in" in capsys.readouterr().err
