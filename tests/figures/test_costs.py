"""Cost scaling and cost by part: families, sums and what is drawn, by hand."""

import numpy as np
import pandas as pd
import pytest

from bench.figures import cost_parts, scaling, style
from bench.figures.numbers.costs import by_part, configurations, families
from figures.study import CATEGORIES, legend_labels, markers, texts, xy

LOOKS = style.category_styles(CATEGORIES)


def _runs() -> pd.DataFrame:
    """N = 1, 2 at W = 8, 16 and K = 2; FLOPs 100 N W, parameters 50 W + N; two seeds."""
    rows = [
        {
            "run_id": f"{n}{w}{seed}", "config_id": f"{n}{w}", "method": "sae",
            "category": "EE" if n == 1 else "I/B", "n_inputs": float(n), "n_exits": 2.0,
            "width": float(w), "depth": 3.0, "n_members": np.nan, "split": split,
            "flops": 100 * n * w + (10 if seed else -10), "params": 50 * w + n,
        }
        for n in (1, 2) for w in (8, 16) for seed in (0, 1) for split in ("val", "test")
    ]  # fmt: skip
    rows.append(rows[0] | {
        "run_id": "standard", "config_id": "standard", "method": "standard",
        "category": "Standard NN", "n_inputs": np.nan, "n_exits": np.nan,
    })  # fmt: skip
    return pd.DataFrame(rows)


def test_costs_are_means_over_seeds() -> None:
    table = configurations(_runs())
    assert table.loc["18", "flops"] == 800
    assert table.loc["216", "flops"] == 3200
    assert table.loc["216", "params"] == 802


def test_families_differ_in_one_setting_alone() -> None:
    table = configurations(_runs())
    assert [list(rows.index) for rows in families(table, "n_inputs")] == [
        ["18", "28"], ["116", "216"],
    ]  # fmt: skip
    assert [list(rows.index) for rows in families(table, "width")] == [["18", "116"], ["28", "216"]]
    for constant in ("n_exits", "depth", "n_members"):
        assert families(table, constant) == []


def test_scaling_draws_points_and_joins_families() -> None:
    figure = scaling.draw(configurations(_runs()), LOOKS, "digits")
    flops_by_n, flops_by_w, params_by_n, params_by_w = figure.axes
    assert [axes.get_xlabel() for axes in (params_by_n, params_by_w)] == ["Inputs N", "Width W"]
    assert [axes.get_ylabel() for axes in (flops_by_n, params_by_n)] == [
        "FLOPs (fused multiply-adds)", "Parameters",
    ]  # fmt: skip
    points = sorted((x, y) for x, y, _ in markers(flops_by_n))
    assert points == [(1, 800), (1, 1600), (2, 1600), (2, 3200)]
    joins = [xy(line).tolist() for line in flops_by_w.lines if line.get_marker() == "None"]
    assert joins == [[[8, 800], [16, 1600]], [[8, 1600], [16, 3200]]]
    assert sorted((x, y) for x, y, _ in markers(params_by_w))[0] == (8, 401)
    assert legend_labels(figure) == ["EE", "I/B", "differ in this alone"]


def test_several_of_one_value_are_joined_at_their_mean() -> None:
    runs = _runs()
    other = runs[runs["config_id"] == "28"].assign(config_id="28b", flops=2000)
    other["run_id"] += "b"
    figure = scaling.draw(configurations(pd.concat([runs, other])), LOOKS, "digits")
    lines = [xy(line).tolist() for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert lines[0] == [[1, 800], [2, 1800]]


def _parts(**flops: int) -> pd.DataFrame:
    rows = [
        {"config_id": "a", "run_id": "a0", "part": part.replace("_", "."), "flops": value}
        for part, value in flops.items()
    ]
    return pd.DataFrame(rows)


def test_parts_are_summed_over_networks_and_kinds() -> None:
    parts = pd.DataFrame(
        [
            ("members.0.network.backbone.stem", 10), ("members.1.network.backbone.stem", 20),
            ("members.0.network.backbone.stages.0", 1), ("members.0.network.backbone.stages.10", 2),
            ("members.1.network.heads.2.linear", 3), ("members.1.network.heads.2.adapter", 4),
            ("other", 5),
        ],
        columns=["part", "flops"],
    )  # fmt: skip
    twice = pd.concat(
        [parts.assign(run_id="0"), parts.assign(run_id="1", flops=parts["flops"] + 2)]
    )
    table = by_part(twice.assign(config_id="a"))
    assert list(table.columns) == ["stem", "stage 1", "stage 11", "exit heads", "other"]
    # Means over two seeds; the second has 2 more in each of the paths.
    assert table.to_numpy().tolist() == [[32, 2, 3, 9, 6]]
    assert float(table.to_numpy().sum()) == pytest.approx(
        twice.groupby("run_id")["flops"].sum().mean()
    )


def test_bars_are_stacked_to_the_whole_cost() -> None:
    table = pd.DataFrame(
        {"stem": [10.0, 40.0], "exit heads": [5.0, 0.0]}, index=["EE  x", "MIMO  y"]
    )
    figure = cost_parts.draw(table, "digits")
    (axes,) = figure.axes
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]  # type: ignore[attr-defined]
    assert edges == [(0, 10), (0, 40), (10, 15), (40, 40)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["EE  x", "MIMO  y"]
    assert legend_labels(figure) == ["stem", "exit heads"]
    assert not texts(axes)
