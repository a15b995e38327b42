import itertools

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bench.records.pareto import front, front_line, seed_means, selected


def _front_by_definition(values: npt.NDArray[np.float64], directions: list[str]) -> list[bool]:
    """Plain loops over all pairs: the definition, spelled out."""

    def dominates(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
        better = worse = False
        for x, y, direction in zip(a, b, directions, strict=True):
            better |= bool(x > y) if direction == "higher" else bool(x < y)
            worse |= bool(x < y) if direction == "higher" else bool(x > y)
        return better and not worse

    usable = [row for row in values if not any(np.isnan(row))]
    return [
        not any(np.isnan(row)) and not any(dominates(other, row) for other in usable)
        for row in values
    ]


def test_front_hand_example() -> None:
    # accuracy up, ECE down: (0.9, 0.2) and (0.8, 0.1) trade off, (0.8, 0.2) loses to both.
    values = [[0.9, 0.2], [0.8, 0.1], [0.8, 0.2], [0.7, 0.3]]
    assert front(values, ["higher", "lower"]).tolist() == [True, True, False, False]
    assert front(values, ["lower", "lower"]).tolist() == [False, True, False, True]


def test_front_keeps_all_copies() -> None:
    values = [[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]
    assert front(values, ["lower", "lower"]).tolist() == [True, False, True]


def test_front_ignores_rows_with_nan() -> None:
    values = [[np.nan, 0.0], [1.0, 1.0], [2.0, np.nan]]
    assert front(values, ["lower", "lower"]).tolist() == [False, True, False]


def test_front_of_nothing() -> None:
    assert front(np.empty((0, 3)), ["lower"] * 3).tolist() == []


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_front_agrees_with_the_definition(n_objectives: int) -> None:
    generator = np.random.default_rng(n_objectives)
    for directions in itertools.islice(itertools.product(["higher", "lower"], repeat=4), 16):
        # Few distinct values, so that ties and copies are common.
        values = generator.integers(0, 5, size=(30, n_objectives)).astype(float)
        values[generator.random(values.shape) < 0.05] = np.nan
        chosen = list(directions[:n_objectives])
        assert front(values, chosen).tolist() == _front_by_definition(values, chosen)


def test_front_rejects_bad_input() -> None:
    with pytest.raises(ValueError, match="'up' is unknown"):
        front([[1.0]], ["up"])
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        front([[1.0, 2.0]], ["lower"])


def test_front_line_lower_is_better() -> None:
    values = [[1.0, 3.0], [2.0, 1.0], [4.0, 5.0]]  # the last one is dominated
    # (2, 3) is dominated, so the step turns there.
    expected = [[1, 3], [2, 3], [2, 1]]
    assert front_line(values, ["lower", "lower"]).tolist() == expected


def test_front_line_higher_is_better() -> None:
    values = [[0.9, 0.2], [0.8, 0.1], [0.5, 0.4]]
    expected = [[0.9, 0.2], [0.8, 0.2], [0.8, 0.1]]
    assert front_line(values, ["higher", "lower"]).tolist() == expected


def test_front_line_is_never_dominated_strictly() -> None:
    values = np.random.default_rng(0).random((50, 2))
    line = front_line(values, ["lower", "lower"])
    strictly_better = (values[:, None] < line[None] - 1e-12).all(axis=-1)
    assert not strictly_better.any()
    assert {tuple(row) for row in values[front(values, ["lower", "lower"])]} <= {
        tuple(row) for row in line
    }


def test_front_line_edge_cases() -> None:
    assert front_line([[np.nan, 1.0]], ["lower", "lower"]).shape == (0, 2)
    assert {tuple(p) for p in front_line([[1.0, 2.0]], ["lower", "lower"])} == {(1.0, 2.0)}
    with pytest.raises(ValueError, match="two objectives, got 3"):
        front_line([[1.0, 2.0, 3.0]], ["lower"] * 3)


def _row(config: str, seed: int, split: str, **values: float | str) -> dict[str, float | str]:
    base: dict[str, float | str] = {
        "dataset": "digits", "task": "classification", "config_id": config, "seed": seed,
        "split": split, "accuracy": 0.5, "ece": 0.5, "flops": 10.0, "params": 10.0,
    }  # fmt: skip
    return base | values


def test_seed_means_and_failed_seed() -> None:
    runs = pd.DataFrame(
        [
            _row("b", 0, "val", ece=0.1),
            _row("a", 0, "val", ece=0.2),
            _row("a", 1, "val", ece=0.4),
            _row("b", 1, "val", ece=np.nan),
        ]
    )
    means = seed_means(runs, ["ece"])["ece"]
    assert means.index.tolist() == [("digits", "a"), ("digits", "b")]
    assert means.iloc[0] == pytest.approx(0.3)
    assert np.isnan(means.iloc[1])


def _study() -> pd.DataFrame:
    return pd.DataFrame(
        [
            # Seed means of accuracy: a 0.8, b 0.75, c 0.8. One seed of b alone would beat a.
            _row("a", 0, "val", accuracy=0.8),
            _row("a", 1, "val", accuracy=0.8),
            _row("b", 0, "val", accuracy=0.9),
            _row("b", 1, "val", accuracy=0.6),
            _row("c", 0, "val", accuracy=0.8, params=11.0),
            _row("c", 1, "val", accuracy=0.8, params=11.0),
            # Poor, but nothing is cheaper.
            _row("d", 0, "val", accuracy=0.1, flops=9.0),
            _row("d", 1, "val", accuracy=0.1, flops=9.0),
            _row("e", 0, "val", accuracy=1.0, flops=1.0),  # its other seed failed
            _row("b", 0, "test", accuracy=1.0, ece=0.0, flops=1.0, params=1.0),
            _row("r", 0, "val", dataset="retina", task="regression", mse=0.1, nll=-1.0),
        ]
    )


def test_selected_averages_seeds_and_uses_all_four_objectives() -> None:
    assert selected(_study()) == {"digits": {"a", "d"}, "retina": {"r"}}


def test_selected_never_sees_other_splits() -> None:
    runs = _study()
    others = runs["split"] != "val"
    runs.loc[others, ["accuracy", "ece", "flops", "params"]] = 0.0
    assert selected(runs) == selected(_study())
    assert selected(runs[others]) == {}


def test_selected_takes_other_metrics() -> None:
    runs = pd.DataFrame(
        [
            _row("a", 0, "val", accuracy=0.9, f1=0.1, nll=1.0),
            _row("b", 0, "val", accuracy=0.1, f1=0.9, nll=1.0),
        ]
    )
    assert selected(runs) == {"digits": {"a"}}
    assert selected(runs, {"classification": ("f1", "nll")}) == {"digits": {"b"}}


def test_selected_rejects_an_unknown_task() -> None:
    runs = pd.DataFrame([_row("a", 0, "val", task="ranking")])
    with pytest.raises(ValueError, match=r"task 'ranking'.*classification"):
        selected(runs)
