"""What a study answers: equal-cost tables, sentences, diagnostics and the figure of budgets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from claims.stored_study import predictive, save

from bench.figures import budget as figure
from bench.figures.numbers.budget_curves import curves
from bench.records.frames import Frames, load_frames
from bench.tables import budget, selection
from bench.tables.answers import answers

# name: (category, method, members, width, FLOPs, wrong on val, wrong on test) of 200
STUDY = {
    "small": ("Standard NN", "standard", None, 64, 50, 80, 80),
    "base": ("Standard NN", "standard", None, 128, 100, 60, 60),
    "four": ("NN Ensemble", "ensemble", 4, 128, 400, 20, 20),
    "cheap": ("MIMO", "sae", None, 128, 100, 22, 22),
    "dear": ("MIMO", "sae", None, 128, 350, 18, 21),
    "lost": ("MIMO", "sae", None, 128, 10, 0, 0),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Three seeds that differ by an image or two; "lost", the best of all, has two."""
    root = tmp_path_factory.mktemp("answers")
    for name, (category, method, members, width, flops, on_val, on_test) in STUDY.items():
        for seed in range(2 if name == "lost" else 3):
            save(
                root, name, category, seed=seed, method=method, width=width, flops=flops,
                val=predictive(range(on_val + seed)), test=predictive(range(on_test + seed)),
                settings={"n_members": members} if members else {},
            )  # fmt: skip
    return load_frames(root)


def test_the_sentences_name_the_choice_of_each_budget_and_the_difference(study: Frames) -> None:
    within, against, extent = answers(study)["blood"]
    assert within.startswith("Best within a budget, by lowest validation NLL, with its test NLL: ")
    assert "0.5x: Standard NN label of small, " in within
    assert "1x to 2x: MIMO label of cheap" in within
    assert "4x to 8x: MIMO label of dear" in within
    assert "lost" not in within  # it has not all seeds
    assert "1x is the standard NN label of base" in within
    assert against.startswith("Against the NN Ensemble label of four (400 FLOPs), the best other")
    assert "MIMO label of dear (350)" in against
    # One image of 200 more is wrong in each seed: log(0.9 / 0.05) / 200 = 0.014.
    assert "by 0.014 [" in against
    assert "the interval includes 0, so they are not told apart" in against
    assert extent.startswith("3 seeds, 5 configurations, 3 epochs: other data, longer training")


def test_one_seed_is_said_to_be_about_networks(study: Frames) -> None:
    once = replace(study, runs=study.runs[study.runs["seed"] == 0])
    _, against, extent = answers(once)["blood"]
    assert "one seed: about these two networks, not about the methods" in against
    assert extent.startswith("1 seed, 6 configurations")


def test_a_selection_that_misleads_is_warned_of_everywhere(study: Frames) -> None:
    runs = study.runs.copy()
    swap = {"small": 0.1, "base": 0.2, "cheap": 0.3, "four": 0.4, "dear": 0.5}
    on_test = (runs["split"] == "test") & (runs["config_id"] != "lost")
    runs.loc[on_test, "nll"] = runs.loc[on_test, "config_id"].map(swap)
    misled = replace(study, runs=runs)
    warning = answers(misled)["blood"][-1]
    assert warning.startswith("Warning: validation does not select on blood: over 5 configurations")
    (table,) = selection.tables(misled)
    assert warning in table.notes
    assert warning in next(budget.tables(misled)).notes
    drawn = dict(figure.figures(misled))["budget_blood"]
    note = drawn.legends[0].get_title().get_text().replace("\n", " ")
    assert warning in note


def test_without_standard_or_ensemble_that_is_said(study: Frames) -> None:
    runs = study.runs[study.runs["category"] == "MIMO"]
    alone = replace(study, runs=runs)
    sentences = answers(alone)["blood"]
    assert sentences[0].startswith("No standard NN was run")
    assert sentences[1].startswith("No NN Ensemble with all seeds")
    assert [table.stem for table in budget.tables(alone)] == []
    assert list(dict(figure.figures(alone))) == ["budget_blood", "budget_blood_params"]


def test_the_table_of_budgets_by_hand(study: Frames) -> None:
    tables = {table.stem: table for table in budget.tables(study)}
    assert list(tables) == ["budget_blood", "budget_blood_params", "match", "equivalents"]
    cells = tables["budget_blood"].cells
    assert list(cells) == ["Metric", "Split", "Method", "0.5x", "1x", "2x", "4x", "8x"]
    of_accuracy = (cells["Metric"] == "Accuracy") & (cells["Split"] == "ID")
    shown = cells[of_accuracy].set_index("Method")
    assert shown.loc["NN Ensemble", "2x"] == "-"  # it costs four times as much
    # 61 of 200 wrong on average; the other methods of the budget are far better.
    cell = shown["1x"].to_dict()
    assert cell["Standard NN"].startswith("0.695 [")
    assert not cell["Standard NN"].endswith("*")
    assert cell["MIMO"].endswith("*")
    match = tables["match"].cells.set_index(["Cost", "Metric", "Method"])
    saving = match["Saving"].to_dict()
    assert saving["FLOPs", "Accuracy within 0.01", "NN Ensemble"] == "1.00x"


def test_the_line_of_a_method_follows_what_validation_chooses(study: Frames) -> None:
    table = curves(study, study.runs, "accuracy", "flops")
    mimo = table[table["category"] == "MIMO"]
    assert mimo["config_id"].tolist() == ["cheap", "dear"]
    assert mimo["cost"].tolist() == [100, 350]
    # Wrong are 22, 23, 24 and 21, 22, 23 images of 200.
    assert mimo["mean"].tolist() == pytest.approx([1 - 23 / 200, 1 - 22 / 200])
    assert mimo["low"].tolist() == pytest.approx([1 - 24 / 200, 1 - 23 / 200])
    assert mimo["high"].tolist() == pytest.approx([1 - 22 / 200, 1 - 21 / 200])


def test_budgets_are_marked_and_the_last_choice_stays(study: Frames) -> None:
    drawn = dict(figure.figures(study))["budget_blood"]
    accuracy = drawn.axes[0]
    assert {text.get_text() for text in accuracy.texts} == {"0.5x", "1x", "2x", "4x"}
    assert accuracy.get_xscale() == "linear"  # 50 to 400: less than a decade
    ends = {max(at) for line in accuracy.lines if len(at := np.asarray(line.get_xdata())) > 2}
    assert ends == {400.0}


def test_nothing_tested_nothing_shown(study: Frames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    searched = replace(study, runs=study.runs[study.runs["split"] == "val"])
    assert answers(searched) == {}
    assert list(budget.tables(searched)) == []
    assert dict(figure.figures(searched)) == {}
    assert "budget: nothing to show for blood" in caplog.text


def test_all_is_written(study: Frames, tmp_path: Path) -> None:
    from bench.tables.__main__ import main

    assert main(["budget", "selection", "--results", str(study.root), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "selection.tex").exists()
