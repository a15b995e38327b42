"""What the N x K heatmap shows."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from bench.figures import heatmap, style
from figures.study import frames, is_filled, legend_labels, texts


def test_heatmap_cells_by_hand(digits: pd.DataFrame) -> None:
    ((stem, figure),) = heatmap.figures(frames(digits))
    assert stem == "heatmap_digits"
    accuracy, ece = figure.axes[:2]
    # Configurations 4..9 are SE, EE, MIMO, MIMMO, I/B, I/B: accuracy 0.78 + i / 100 on test.
    assert texts(accuracy) == {
        (1, 1): "0.820\n(1)", (1, 2): "0.830\n(1)", (2, 1): "0.840\n(1)",
        (2, 3): "0.850\n(1)", (2, 2): "0.865\n(2)",
    }  # fmt: skip
    assert texts(ece)[2, 2] == "0.135\n(2)"
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("Inputs N", "Active exits K")
    # Over two seeds each of five cells deviates by 0.01 sqrt(2), one with two configurations alike:
    # t with 5 degrees of freedom, 2.571, times 0.01.
    assert [axes.get_ylabel() for axes in figure.axes[2:]] == [
        "Accuracy ↑ (± 0.026)", "ECE ↓ (± 0.026)",
    ]  # fmt: skip
    assert list(accuracy.get_xticks()) == [1, 2, 3, 4]
    assert list(accuracy.get_yticks()) == [1, 2, 3]


def test_heatmap_leaves_missing_cells_white(digits: pd.DataFrame) -> None:
    axes = heatmap.draw(_sae(digits)).axes[0]
    filled = [patch for patch in axes.patches if is_filled(patch)]
    assert len(filled) == len(axes.texts) == 5
    centres = {(round(p.get_center()[0]), round(p.get_center()[1])) for p in filled}  # type: ignore[attr-defined]
    assert (1, 3) not in centres
    assert (3, 1) not in centres
    assert to_hex(axes.get_facecolor()) == "#ffffff"


@pytest.mark.parametrize(("metric", "best"), [("accuracy", (2, 3)), ("ece", (1, 1))])
def test_heatmap_hatches_the_best_cell(
    digits: pd.DataFrame, metric: str, best: tuple[int, int]
) -> None:
    runs = _sae(digits)
    val = runs["split"] == "val"
    runs.loc[val & (runs["category"] == "MIMMO"), ["accuracy", "ece"]] = (0.99, 0.5)
    runs.loc[val & (runs["category"] == "SE NN"), ["accuracy", "ece"]] = (0.10, 0.001)
    runs.loc[~val & (runs["category"] == "EE"), ["accuracy", "ece"]] = (1.0, 0.0)  # does not count
    axes = heatmap.draw(runs, (metric, "nll")).axes[0]
    (patch,) = [patch for patch in axes.patches if patch.get_hatch()]
    np.testing.assert_allclose(patch.get_center(), best)  # type: ignore[attr-defined]


def test_heatmap_regions() -> None:
    assert heatmap.regions(4, 4) == {
        "SE NN": (1, 1, 1, 1), "EE": (1, 1, 2, 4), "MIMO": (2, 4, 1, 1), "MIMMO": (2, 4, 4, 4),
        "I/B": (2, 4, 2, 3),
    }  # fmt: skip
    assert heatmap.regions(3, 2) == {
        "SE NN": (1, 1, 1, 1), "EE": (1, 1, 2, 2), "MIMO": (2, 3, 1, 1), "MIMMO": (2, 3, 2, 2),
    }  # fmt: skip
    assert heatmap.regions(4, 1) == {"SE NN": (1, 1, 1, 1), "MIMO": (2, 4, 1, 1)}


def test_heatmap_outlines_every_cell_once(digits: pd.DataFrame) -> None:
    figure = heatmap.draw(_sae(digits))
    outlines = [patch for patch in figure.axes[0].patches if not is_filled(patch)]
    for n in range(1, 5):
        for k in range(1, 4):
            around = [o for o in outlines if o.get_bbox().contains(n, k)]  # type: ignore[attr-defined]
            assert len(around) == 1, (n, k)
    assert legend_labels(figure) == ["SE NN", "EE", "MIMO", "MIMMO", "I/B", "best on validation"]


def test_heatmap_survives_infinite_values(digits: pd.DataFrame) -> None:
    runs = _sae(digits).assign(nll=np.inf)
    figure = heatmap.draw(runs, ("accuracy", "nll"))
    assert texts(figure.axes[1])[1, 1] == "inf\n(1)"
    assert not any(patch.get_hatch() for patch in figure.axes[1].patches)
    assert style.render(figure, "png")


def test_a_search_has_a_heatmap_of_its_trials_on_validation(digits: pd.DataFrame) -> None:
    trials = digits[(digits["split"] == "val") & (digits["config_id"] != "digits-5")]
    finals = digits[digits["config_id"] == "digits-5"]
    drawn = dict(heatmap.figures(frames(pd.concat([trials, finals]))))
    assert list(drawn) == ["heatmap_digits", "heatmap_digits_trials"]
    assert texts(drawn["heatmap_digits"].axes[0]) == {(1, 2): "0.830\n(1)"}
    # On validation the values are 0.02 higher.
    assert texts(drawn["heatmap_digits_trials"].axes[0])[2, 2] == "0.885\n(2)"


def test_colours_do_not_stretch_over_what_chance_does(digits: pd.DataFrame) -> None:
    table = heatmap.cells(_sae(digits), "accuracy")
    scale = heatmap.scale_of(table)
    # Cells span 0.820 to 0.865; chance alone moves one by 0.0257 (t of 5 degrees of freedom).
    assert (scale.vmin, scale.vmax) == pytest.approx((0.8425 - 0.0514, 0.8425 + 0.0514), abs=1e-4)
    one_seed = heatmap.cells(_sae(digits[digits["seed"] == 0]), "accuracy")
    assert one_seed["noise"].isna().all()
    assert heatmap.scale_of(one_seed).vmin == pytest.approx(0.81)


def _sae(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["split"].isin(["val", "test"]) & runs["n_inputs"].notna()].copy()
