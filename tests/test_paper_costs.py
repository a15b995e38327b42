"""Costs as the paper counts them, in place of the deployed network's, by hand."""

from pathlib import Path

import pandas as pd
import pytest
from made_records import finished

from bench.errors import UserError
from bench.records.costs import NOTE, counted
from bench.records.frames import Frames
from bench.records.pareto import selected
from bench.search.objectives import costs_of, objectives_for, values_of
from bench.tables.__main__ import main
from bench.tables.costs import both_counts

PAPER = "paper_flops,paper_params"
NONE = pd.DataFrame()


def frames() -> Frames:
    """As deployed a is cheaper than b, as the paper counts b is; a is as good."""

    def row(config: str, flops: int, paper: int) -> dict[str, object]:
        return {
            "run_id": f"{config}-s0", "config_id": config, "dataset": "toy", "backbone": "fc",
            "category": config, "task": "classification", "seed": 0, "split": "val",
            "accuracy": 0.5, "ece": 0.1, "nll": 1.0, "flops": flops, "params": flops,
            "paper_flops": paper, "paper_params": 2 * paper,
        }  # fmt: skip

    runs = pd.DataFrame([row("a", 100, 400), row("b", 200, 250)])
    return Frames(runs=runs, depth=NONE, failures=NONE)


def test_the_paper_s_costs_take_the_place_of_the_deployed_network_s() -> None:
    assert selected(counted(frames().runs, "flops,params")) == {"toy": {"a"}}
    papers = counted(frames().runs, PAPER)
    assert selected(papers) == {"toy": {"b"}}
    assert papers["flops"].tolist() == [400, 250]
    assert papers["params"].tolist() == [800, 500]


def test_a_record_without_them_is_named() -> None:
    old = frames().runs
    old["paper_params"] = [800.0, float("nan")]
    with pytest.raises(UserError, match="--costs paper_flops,paper_params: run b-s0 was recorded"):
        counted(old, PAPER)


def test_both_counts_by_hand() -> None:
    table = both_counts(frames().runs).set_index("category")
    assert list(table.loc["a", ["flops", "paper_flops", "flops_ratio"]]) == [100, 400, 0.25]
    assert list(table.loc["b", ["params", "paper_params", "params_ratio"]]) == [200, 500, 0.4]
    assert table["configurations"].tolist() == [1, 1]


def test_a_search_minimises_them() -> None:
    costs = costs_of("paper_params,paper_flops")
    assert costs == ("paper_flops", "paper_params")
    objectives = objectives_for("classification", costs)
    val = {objective.key: 0.5 for objective in objectives if not objective.is_cost}
    cost = {"flops": 1, "params": 1, "paper_flops": 2, "paper_params": 3}
    found = values_of(finished({"metrics": {"val": val}, "cost": cost}), objectives)
    assert found is not None
    assert found[-2:] == (2, 3)


def test_tables_of_them_stand_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.records.frames.load_frames", lambda *_: frames())
    for costs in ("flops,params", PAPER):
        assert main(["costs", "--results", str(tmp_path), "--costs", costs]) == 0
    assert NOTE in (tmp_path / "tables" / "costs_counts_paper_costs.md").read_text()
    assert NOTE not in (tmp_path / "tables" / "costs_counts.md").read_text()
