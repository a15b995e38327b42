"""Every figure from a results folder: the same to the byte, and whatever is missing."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.figures import load, names, style
from bench.figures.numbers.order import in_order
from bench.figures.numbers.pairs import metric_pairs, stem_of
from bench.records.frames import Frames, load_frames
from bench.search.progress import save_progress
from figures.searched import BEST, MIDDLE, write_search
from figures.stored import write_study
from figures.study import make_study

Pages = dict[str, dict[str, Figure]]


@pytest.fixture(scope="module")
def drawn(whole: Frames) -> Pages:
    """Figures by stem, by module."""
    return {name: dict(load(name)(whole)) for name in names()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Classification with corruptions and a search."""
    root = write_study(tmp_path_factory.mktemp("whole"), datasets=["digits"])
    write_search(root, "sae", [("a", MIDDLE, 1.0), ("b", BEST, 2.0)])
    save_progress(root)
    return load_frames(root)


def _shuffled(frames: Frames) -> Frames:
    tables: dict[str, Any] = {
        field.name: table.sample(frac=1, random_state=1, ignore_index=True)
        for field in dataclasses.fields(frames)
        if isinstance(table := getattr(frames, field.name), pd.DataFrame)
    }
    return dataclasses.replace(frames, **tables)


def _svg(figure: Figure) -> bytes:
    """Every coordinate and text, without the second of CPU that the fonts of a PDF cost."""
    buffer = io.BytesIO()
    with style.fixed(), mpl.rc_context({"svg.hashsalt": "0", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


@pytest.mark.parametrize("name", names())
def test_same_records_same_bytes_in_any_order(whole: Frames, drawn: Pages, name: str) -> None:
    # One of a module's pages is enough. PNG and PDF are in test_style.
    stem, figure = next(iter(drawn[name].items()), (None, Figure()))
    again, shuffled = next(load(name)(_shuffled(whole)), (None, Figure()))
    assert again == stem
    assert _svg(figure) == _svg(shuffled)


def test_classification_is_drawn_whole(drawn: Pages) -> None:
    assert {stem for pages in drawn.values() for stem in pages} == {
        "budget_digits", "budget_digits_params", "cost_parts_digits", "depth", "depth_digits_D2",
        "diversity_digits", "effects_digits", "expected_validation_digits", "heatmap_digits",
        "improvement", "ood_digits_accuracy", "ood_digits_ece", "pareto_digits", "ranks",
        "reliability_digits", "scaling_digits", "search_progress_digits",
    }  # fmt: skip


def test_order_is_that_of_the_names() -> None:
    study = make_study(["digits"])
    ordered, again = in_order(_shuffled(study)), in_order(study)
    standard = ordered.runs[ordered.runs["method"] == "standard"]
    assert standard["run_id"].is_monotonic_increasing
    pd.testing.assert_frame_equal(ordered.runs, again.runs)
    pd.testing.assert_frame_equal(ordered.depth, again.depth)


# What is drawn when only this is there: one method, one seed, no corruptions, no search.
POOR = {
    ("digits", "Standard NN"): {
        "budget_digits", "budget_digits_params", "cost_parts_digits", "pareto_digits",
        "reliability_digits", "scaling_digits",
    },
    ("retina", "Standard NN"): {
        "budget_retina", "budget_retina_params", "cost_parts_retina", "pareto_retina",
        "reliability_retina", "scaling_retina",
    },
    ("retina", "MIMMO"): {
        "budget_retina", "budget_retina_params", "cost_parts_retina", "depth", "depth_retina_D2",
        "diversity_retina", "heatmap_retina", "pareto_retina",
        "reliability_retina", "scaling_retina",
    },
}  # fmt: skip


@pytest.mark.parametrize(("dataset", "category"), POOR)
def test_missing_data_are_skipped_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dataset: str, category: str
) -> None:
    caplog.set_level("INFO")
    write_study(tmp_path, datasets=[dataset], categories=[category], seeds=[0], corruptions=())
    frames = load_frames(tmp_path)
    drawn = {name: {stem for stem, _ in load(name)(frames)} for name in names()}
    assert set().union(*drawn.values()) == POOR[dataset, category]
    for name, stems in drawn.items():
        assert bool(stems) != (f"{name}: nothing to show" in caplog.text), name


def test_regression_is_drawn_whole(tmp_path: Path) -> None:
    categories = ["Standard NN", "EE", "MIMMO"]
    frames = load_frames(
        write_study(tmp_path, datasets=["retina"], categories=categories, seeds=[0])
    )
    stems = {stem for name in names() for stem, _ in load(name)(frames)}
    assert stems == {
        "budget_retina", "budget_retina_params", "cost_parts_retina", "depth", "depth_retina_D2",
        "diversity_retina", "effects_retina", "heatmap_retina", "improvement", "ood_retina_mse",
        "ood_retina_nll", "pareto_retina", "ranks",
        "reliability_retina", "scaling_retina",
    }  # fmt: skip


def test_pairs_are_those_of_the_metric_table() -> None:
    assert metric_pairs("regression") == [
        ("mse", "nll"), ("mse", "coverage_error"), ("mae", "coverage_error"),
        ("nll", "coverage_error"), ("nll_mixture", "coverage_error"),
    ]  # fmt: skip
    pairs = metric_pairs("classification")
    assert pairs[0] == ("accuracy", "ece")
    assert len(pairs) == len(set(pairs)) == 5 * 5
    assert ("f1", "cc_ece") in pairs


@pytest.mark.parametrize("name", ["pareto", "heatmap"])
def test_all_pairs_are_drawn(tmp_path: Path, name: str) -> None:
    write_study(tmp_path, datasets=["retina"], categories=["EE"], seeds=[0], corruptions=())
    drawn = dict(load(name, "all")(load_frames(tmp_path)))
    assert list(drawn) == [
        stem_of(name, "retina", pair, "regression") for pair in metric_pairs("regression")
    ]
    assert list(drawn)[:2] == [f"{name}_retina", f"{name}_retina_mse_coverage_error"]
    labels = {axes.get_ylabel() for axes in drawn[f"{name}_retina_mae_coverage_error"].axes}
    assert "Coverage error ↓" in labels


def test_pairs_change_nothing_of_the_others(whole: Frames, drawn: Pages) -> None:
    assert [stem for stem, _ in load("depth", "all")(whole)] == list(drawn["depth"])
