"""A study as a command: what it runs, in which folders, from where it goes on, what it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from runs.tiny_runs import FEW_CORRUPTIONS

from bench import study
from bench.claims import __main__ as claims
from bench.errors import UserError
from bench.records.compact import compact
from bench.records.frames import load_frames
from bench.records.store import Reader, search_folder
from bench.records.verifying import damages
from bench.report import __main__ as report
from bench.runs import loaded
from bench.shift import table as corruptions
from bench.statistics import __main__ as statistics
from bench.statistics.influence import MEAN, of_compact
from bench.statistics.intervals import severity_intervals
from bench.tables import __main__ as tables
from methods import method_names


@pytest.fixture(autouse=True)
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", few)
    loaded.load_dataset.cache_clear()
    yield
    loaded.load_dataset.cache_clear()


def seconds_of(results: Path, method: str) -> list[float]:
    return [
        one.timings.cpu_s
        for one in Reader(search_folder(results)).finished()
        if one.config.method.name == method and one.config.seed == 0
    ]


def test_a_tiny_study_whole_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["tiny", "--results", str(tmp_path / "r"), "--workers", "0"]
    assert study.main(call) == 0
    results = tmp_path / "r"
    final = list(Reader(results).finished())
    assert {one.config.method.name for one in final} == {
        "sae", "mc_dropout", "standard", "ensemble",
    }  # fmt: skip
    assert {one.config.seed for one in final} == {1, 2}
    # At most two finalists of a method, each on both seeds; one factor changed at a time.
    assert all(
        len([one for one in final if one.config.method.name == name]) in (2, 4)
        for name in ("sae", "mc_dropout", "standard", "ensemble")
    )
    assert len(Reader(results / "ablations").run_ids()) == 3
    # The other searched method had as many core-seconds, to the trial that passed the line.
    budget, spent = sum(seconds_of(results, "sae")), seconds_of(results, "mc_dropout")
    assert len(spent) in range(1, 21)
    assert len(spent) == 20 or sum(spent) >= budget
    recorded = (results / study.RECORDED).read_bytes()
    assert json.loads(recorded)["scale"] == 1
    # A part alone: done already, and no other part is forgotten.
    assert study.main([*call, "--only", "digits.ablations"]) == 0
    assert (results / study.RECORDED).read_bytes() == recorded

    # Compact records give the same answers, and are sound by themselves.
    small = tmp_path / "small"
    n_runs = len([*results.rglob("record.json")])
    assert compact(results, small, of_compact) == n_runs
    assert compact(results, small, of_compact) == 0
    assert list(damages(small)) == list(damages(small / "ablations")) == []
    found, kept = load_frames(small), load_frames(results)
    pd.testing.assert_frame_equal(found.runs, kept.runs, rtol=1e-5, atol=1e-9)
    pd.testing.assert_frame_equal(found.budgets, kept.budgets)
    assert {*found.depth["epoch"]} == {*kept.depth["epoch"]} == {0}
    for view in (tables, statistics, claims):
        for folder in (results, small):
            assert view.main(["--results", str(folder)]) == 0
    paths = sorted(path.relative_to(results) for path in results.rglob("*.csv"))
    answers = [path for path in paths if {"tables", "statistics", "claims.csv"} & {*path.parts}]
    assert len(answers) > 10
    for path in answers:
        same_answers(small / path, results / path)
    points = [
        severity_intervals(frames, frames.runs["config_id"].unique(), ["nll", "accuracy"])
        for frames in (found, kept)
    ]
    small_means, means = (rows[rows["corruption"] == MEAN] for rows in points)
    pd.testing.assert_frame_equal(small_means, means, rtol=1e-3, check_exact=False)
    (others,) = [rows[rows["corruption"] != MEAN] for rows in points[:1]]
    assert others[["low", "high"]].isna().all(axis=None)
    assert report.main(["--results", str(small)]) == 0

    before = sorted(path for path in results.rglob("record.json"))
    assert study.main(call) == 0
    assert sorted(path for path in results.rglob("record.json")) == before
    capsys.readouterr()
    assert study.main([*call, "--scale", "2"]) == 2
    assert "has a study of scale 1; pass that" in capsys.readouterr().err


def same_answers(path: Path, wanted: Path) -> None:
    """Texts and counts alike; numbers within what the rounding of single predictions moves."""
    found, expected = pd.read_csv(path), pd.read_csv(wanted)
    # One prediction that rounding moves over a bin's edge moves an ECE by 1 / B.
    atol = 5e-3 if path.name == "ece.csv" else 5e-4
    pd.testing.assert_frame_equal(found, expected, rtol=5e-3, atol=atol, obj=str(path))


def test_the_plan_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "none"
    assert study.main(["paper_cpu", "--plan", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert "python -m bench.search --datasets pneumonia --methods sae" in out
    assert "core-hours in all" in out
    assert "core-minutes (so far" in out
    assert not results.exists()


def test_the_papers_study_is_as_it_promises() -> None:
    _, parts = study.read_study("paper_cpu")
    searched = [part for part in parts if part.run == "search"]
    # The learning rate is varied for every method, in one range.
    for part in searched:
        rates = [text for text in part.set if text.startswith("learning_rate=")]
        assert rates in (["learning_rate=3e-4..1e-2"], ["learning_rate=3e-4,1e-3,3e-3"])
        assert part.preset == "paper"
        assert 0 not in part.seeds
        if not part.enumerate and part.methods != ["sae"]:
            assert part.core_seconds_of == f"{part.datasets[0]}.sae"
    by_name = {part.name: part for part in parts}
    assert by_name["pneumonia.sae"].trials >= 150
    assert len(by_name["pneumonia.sae"].seeds) == 8
    assert by_name["retina.sae"].trials >= 60
    factors = {"kl_scale", "draw", "depth_weights", "draw_sum", "temperature_end",
               "batch_repetition", "depth_learning_rate", "negligible_exits"}  # fmt: skip
    for name in ("pneumonia", "blood", "retina"):
        ablations = by_name[f"{name}.ablations"]
        assert {text.partition("=")[0].removeprefix("sae.") for text in ablations.each} == factors
        assert len(ablations.seeds) == (8 if name == "pneumonia" else 4)


def test_the_small_study_has_four_problems_and_equal_budgets_where_it_searches() -> None:
    _, parts = study.read_study("paper_two_cores")
    problems = {part.name.partition(".")[0] for part in parts}
    assert problems == {"pneumonia", "retina", "blood", "tinyimagenet"}
    for part in parts:
        assert part.run_seconds > 0
        if part.run == "search":
            assert len(part.seeds) >= 4
            assert not part.enumerate
            assert part.set[0] == "learning_rate=3e-4..1e-2"
            sae = f"{part.name.partition('.')[0]}.sae"
            assert part.core_seconds_of == ("" if part.name == sae else sae)
            (of_sae,) = [each for each in parts if each.name == sae]
            assert (part.set, part.trials) == (of_sae.set, of_sae.trials)
    assert sum(study.estimate(part, parts)[0] for part in parts) <= 280
    (one,) = [part for part in parts if part.name == "pneumonia.ensemble"]
    (line,) = study.arguments(one, Path("r"), 100.0)
    assert line[-2:] == ["--budget-core-seconds", "100"]


def test_the_study_of_rivals_has_every_method() -> None:
    _, parts = study.read_study("rivals")
    whole = [part for part in parts if sorted(part.methods) == sorted(method_names())]
    assert [part.name for part in whole] == ["digits.all", "pneumonia.all"]
    assert all(len(part.seeds) >= 3 for part in parts)  # below, nothing can be told apart
    minutes = sum(study.estimate(part, parts)[0] for part in parts)
    assert minutes <= 30


def test_a_part_takes_what_its_problem_sets(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    common = "[common.a]\nepochs = 3\nfinalists = 2\n[common.b]\nepochs = 4\n"
    path.write_text(common + PART.replace('"a"', '"a.x"') + "finalists = 5\n")
    (part,) = study.read_study(str(path))[1]
    assert (part.epochs, part.finalists) == (3, 5)


def test_a_scale_is_of_trials_and_epochs() -> None:
    _, parts = study.read_study("paper_cpu")
    small = parts[0].scaled(0.1)
    assert (parts[0].trials, parts[0].epochs) == (150, 20)
    assert (small.trials, small.epochs) == (15, 2)
    assert small.seeds == parts[0].seeds


PART = """
[[part]]
name = "a"
run = "search"
datasets = ["digits"]
methods = ["sae"]
seeds = [1]
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have parts"),
        (PART + PART, "each with a name of its own"),
        (PART + "colour = 3", "unknown field `colour`"),
        (PART.replace('"search"', '"train"'), "Invalid enum value 'train'.*run"),
        (PART + 'core_seconds_of = "b"', "unknown part 'b'"),
        ("[[part", "Expected"),
    ],
)
def test_a_bad_definition_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        study.read_study(str(path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "unknown study 'nothing'"),
        (("tiny", "--only", "x"), "unknown part 'x'"),
        (("tiny", "--scale", "0"), "--scale 0: must be above 0"),
        (("tiny", "--only", "digits.mc_dropout"), "its budget is that of digits.sae; run that one"),
    ],
)
def test_bad_input_is_one_message(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert study.main([*arguments, "--results", str(tmp_path / "r")]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) <= 2
