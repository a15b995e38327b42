"""What a search has cost, in tables and figures."""

import dataclasses
from pathlib import Path

from made_records import failed, fields, made
from runs.tiny_runs import config

from bench.figures import heatmap, pareto
from bench.records.frames import load_frames
from bench.records.schema import Record
from bench.records.search_budget import budget_lines, budgets, no_budgets
from bench.records.store import Store, search_folder


def searched(method: str, seed: int, train: float, evaluate: float) -> Record:
    timings = {"train_cpu_s": train, "evaluate_cpu_s": evaluate, "train_s": 1000.0}
    return made({"config": {"method": {"name": method}, "seed": seed}, "timings": timings})


def store_search(results: Path) -> None:
    store = Store(search_folder(results))
    store.save(searched("sae", 0, 10, 1), {})
    store.save(searched("sae", 1, 1000, 200), {})
    store.save(searched("ensemble", 2, 5, 0.25), {})
    store.save(failed({"config": {"method": {"name": "ensemble"}, "seed": 3}}), {})


def test_cpu_seconds_and_networks_by_method(tmp_path: Path) -> None:
    store_search(tmp_path)
    found = budgets(tmp_path)
    assert found.to_dict("records") == [
        {
            "dataset": "digits",
            "method": "ensemble",
            "trained": 2,
            "failed": 1,
            "core_seconds": 5.25,
        },
        {"dataset": "digits", "method": "sae", "trained": 2, "failed": 0, "core_seconds": 1211.0},
    ]
    assert budget_lines(found) == {
        "digits": "Searched on digits, on validation alone; networks trained: ensemble 2 (5 "
        "core-seconds, 1 failed), sae 2 (1,211 core-seconds)."
    }


def test_without_a_search_there_is_nothing_to_say(tmp_path: Path) -> None:
    Store(tmp_path)
    assert budgets(tmp_path).empty
    assert budget_lines(budgets(tmp_path)) == budget_lines(no_budgets()) == {}
    assert list(no_budgets().columns) == list(budgets(tmp_path).columns)
    assert not search_folder(tmp_path).exists()


def test_figures_say_what_the_search_has_cost(tmp_path: Path) -> None:
    store_search(tmp_path)
    runs = Store(tmp_path)
    metrics = {"accuracy": 0.9, "f1": 0.8, "nll": 0.3, "ece": 0.05}
    for n in (1, 2):
        scores = {
            "val": metrics, "test": metrics,
            "corruptions": {"blur": {str(s): metrics for s in range(1, 6)}},
        }  # fmt: skip
        runs.save(made({**fields(config("sae", n_inputs=n)), "metrics": scores}), {})
    frames = load_frames(tmp_path)
    assert frames.budgets.equals(budgets(tmp_path))
    for module in (pareto, heatmap):  # of ood: tests/figures/test_ood.py
        for _, figure in module.figures(frames):
            title = figure.legends[0].get_title().get_text().replace("\n", " ")
            assert "sae 2 (1,211 core-seconds)" in title
        for _, figure in module.figures(dataclasses.replace(frames, budgets=no_budgets())):
            assert "core-seconds" not in figure.legends[0].get_title().get_text()
