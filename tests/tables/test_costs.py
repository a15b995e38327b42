"""FLOPs by part: sums and shares by hand."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from bench.records.frames import PART_KEYS
from bench.records.network_parts import PARTS, part_of
from bench.tables.costs import (
    chosen_flops,
    flops_by_part,
    share_summary,
    tables,
)
from tables.hand_made import frames, rows


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("network.backbone.stem", "stem"),
        ("members.3.network.backbone.stages.0", "stages"),
        ("network.backbone.stages.12", "stages"),
        ("network.heads.2.adapter", "adapters"),
        ("members.0.network.heads.4.linear", "heads"),
        ("backbone.stem", "stem"),
        ("other", "other"),
    ],
)
def test_what_a_path_is(path: str, part: str) -> None:
    assert part_of(path) == part


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'network.neck' is none of stem, stages"):
        part_of("network.neck")


def parts_of(run: str, category: str, flops: dict[str, int], backbone: str = "fc") -> list[Any]:
    config_id, seed = run.split("-s")
    return [
        [f"toy-{run}", config_id, "toy", category, f"label of {config_id}", int(seed), backbone,
         path, count]
        for path, count in flops.items()
    ]  # fmt: skip


SAE = {
    "network.backbone.stem": 50, "network.backbone.stages.0": 10, "network.backbone.stages.1": 20,
    "network.heads.1.adapter": 15, "network.heads.1.linear": 2, "network.heads.2.linear": 3,
}  # fmt: skip
# In the other seed the early exit is not active.
SAE_LESS = {
    "network.backbone.stem": 50, "network.backbone.stages.0": 10, "network.backbone.stages.1": 20,
    "network.heads.2.linear": 20,
}  # fmt: skip
ENSEMBLE = {
    f"members.{m}.network.{path}": count
    for m in range(2)
    for path, count in (("backbone.stem", 40), ("backbone.stages.0", 5), ("heads.1.linear", 5))
}


def records() -> Sequence[Sequence[Any]]:
    return [
        *parts_of("a-s0", "EE", SAE), *parts_of("a-s1", "EE", SAE_LESS),
        *parts_of("e-s0", "NN Ensemble", ENSEMBLE),
    ]  # fmt: skip


def table_of(found: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return flops_by_part(pd.DataFrame(found, columns=list(PART_KEYS)))


def test_sums_over_modules_and_members_and_means_over_seeds() -> None:
    table = table_of(records()).set_index("config_id")
    # (50, 30, 15, 5, 0) and (50, 30, 0, 20, 0).
    assert table[list(PARTS)].to_numpy().tolist() == [[50, 30, 7.5, 12.5, 0], [80, 10, 0, 10, 0]]
    assert table["total"].to_dict() == {"a": 100, "e": 100}


def test_shares_over_configurations() -> None:
    more = parts_of("b-s0", "EE", {"network.backbone.stem": 10, "network.heads.1.linear": 10})
    ensemble, ee = share_summary(table_of([*records(), *more])).to_dict("records")[::-1]
    assert ee["configurations"] == 2
    assert (ee["stem"], ee["stem_min"], ee["stem_max"]) == (0.5, 0.5, 0.5)
    assert (ee["heads"], ee["heads_min"], ee["heads_max"]) == pytest.approx((0.3125, 0.125, 0.5))
    assert (ee["stages"], ee["stages_max"]) == (0.15, 0.3)
    assert ensemble["stem"] == 0.8


def test_shares_are_of_a_backbone() -> None:
    vit = parts_of("v-s0", "EE", {"network.backbone.stem": 1, "other": 3}, backbone="vit")
    shares = share_summary(table_of([*records(), *vit]))
    assert list(zip(shares["backbone"], shares["category"], strict=True)) == [
        ("fc", "EE"), ("fc", "NN Ensemble"), ("vit", "EE"),
    ]  # fmt: skip
    assert shares["other"].tolist() == [0, 0, 0.75]


def test_shares_sum_to_one() -> None:
    shares = share_summary(table_of(records()))
    assert shares[list(PARTS)].sum(axis=1).tolist() == pytest.approx([1, 1])


def study() -> Any:
    return frames(
        rows("a", "EE", val={"nll": 0.2}, test={}),
        rows("b", "EE", val={"nll": 0.3}, test={"nll": 0.0}),
        rows("e", "NN Ensemble", val={}, test={}),
        parts=[*records(), *parts_of("b-s0", "EE", SAE)],
    )


def test_the_chosen_ones_are_validation_s() -> None:
    found = chosen_flops(study(), flops_by_part(study().parts))
    assert list(found["config_id"]) == ["a", "e"]


def test_the_cells_by_hand() -> None:
    shares, chosen = tables(study())
    assert (shares.stem, chosen.stem) == ("costs_shares", "costs_chosen")
    # No "Other": no network has any.
    assert list(chosen.cells.columns) == [
        "Dataset", "Backbone", "Method", "Configuration", "Stem", "Stages", "Adapters", "Heads",
        "All",
    ]  # fmt: skip
    assert chosen.cells.to_numpy().tolist() == [
        ["toy", "fc", "EE", "label of a", "50 (50.0%)", "30 (30.0%)", "8 (7.5%)", "12 (12.5%)",
         "100"],
        ["toy", "fc", "NN Ensemble", "label of e", "80 (80.0%)", "10 (10.0%)", "0 (0.0%)",
         "10 (10.0%)", "100"],
    ]  # fmt: skip
    assert shares.cells.iloc[0].tolist() == [
        "fc", "EE", "2", "50.0% [50.0%, 50.0%]", "30.0% [30.0%, 30.0%]", "11.2% [7.5%, 15.0%]",
        "8.8% [5.0%, 12.5%]",
    ]  # fmt: skip


def test_without_costs_by_part_there_is_no_table() -> None:
    assert list(tables(frames(rows("a", "EE", val={}, test={})))) == []
