"""Intervals and differences from stored records: identities, pairing, what is missing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from made_records import failed
from narrowed import number
from scipy.stats import t
from stored_study import classifier, regressor, save, with_labels

from bench.errors import UserError
from bench.metrics.predictive import Predictive
from bench.metrics.table import evaluate, keys_for
from bench.records.frames import Frames, load_frames
from bench.records.store import Store
from bench.statistics import influence
from bench.statistics.differences import differences
from bench.statistics.influence import MEAN, of_run
from bench.statistics.intervals import intervals, severity_intervals
from bench.statistics.predictions import shifted, stored

SETS = ("blur/1", "blur/2", "noise/1", "noise/2")


def splits(seed: int, *, sizes: dict[str, int] | None = None) -> dict[str, Predictive]:
    """Predictions of one run; labels of the corrupted sets are the same."""
    rng = np.random.default_rng(seed)
    found = {name: classifier(rng, n_samples=n) for name, n in (sizes or SIZES).items()}
    y_B = np.random.default_rng(0).integers(3, size=40)
    return found | {name: with_labels(classifier(rng, n_samples=40), y_B) for name in SETS}


SIZES = {"val": 50, "test": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three configurations of a dataset: aaa with 3 seeds, bbb with 2 of them, ccc like aaa."""
    root = tmp_path_factory.mktemp("study")
    for seed in range(3):
        save(root, splits(seed), seed=seed, config_id="aaa")
        save(root, splits(seed), seed=seed, config_id="ccc", category="Copy")
    for seed in range(2):
        save(root, splits(10 + seed), seed=seed, config_id="bbb", category="MIMO")
    rng = np.random.default_rng(20)
    values = {"val": regressor(rng), "test": regressor(rng)}
    save(root, values, dataset="retina", config_id="ddd")
    return root


@pytest.fixture(scope="module")
def study(folder: Path) -> Frames:
    return load_frames(folder)


def test_stored_predictions_give_the_records_metrics(folder: Path, study: Frames) -> None:
    run_id = "digits-standard-bbb-s1"
    rows = study.runs[study.runs["run_id"] == run_id]
    for split in ("val", "test"):
        found = evaluate(stored(folder, run_id, split), 1.5)
        row = rows[rows["split"] == split].iloc[0]
        assert found == pytest.approx({key: row[key] for key in found}, rel=1e-12)
    sets = {(name, level): split for name, level, split in shifted(folder, run_id)}
    assert sorted(sets) == [("blur", 1), ("blur", 2), ("noise", 1), ("noise", 2)]
    row = rows[(rows["corruption"] == "noise") & (rows["severity"] == 2)].iloc[0]
    found = evaluate(sets["noise", 2], 1.5)
    for key, metric in keys_for("classification").items():
        if not metric.reads_members:
            assert found[key] == pytest.approx(row[key], rel=1e-12)


def test_predictions_that_are_not_there_are_an_error(folder: Path) -> None:
    with pytest.raises(UserError, match=r"run no-such-run in .*: record\.json is missing"):
        stored(folder, "no-such-run", "test")
    retina = "retina-standard-ddd-s0"
    assert list(shifted(folder, retina)) == []
    with pytest.raises(UserError, match=f"run {retina} in .* has no predictions under corruption"):
        of_run(folder, retina, "ood", "nll")


def test_a_run_of_a_search_has_validation_alone(tmp_path: Path) -> None:
    run_id = save(tmp_path, {"val": classifier(np.random.default_rng(0))})
    assert len(stored(tmp_path, run_id, "val").y_B) == 60
    with pytest.raises(UserError, match="no predictions of the split 'test'; runs of a search"):
        stored(tmp_path, run_id, "test")
    assert intervals(load_frames(tmp_path), ["aaa"], splits=("test",)).empty


def test_a_failed_run_has_no_predictions(tmp_path: Path) -> None:
    record = Store(tmp_path).save(failed({}), {})
    with pytest.raises(UserError, match="failed; it has no predictions"):
        stored(tmp_path, record.run_id, "test")


def test_estimates_are_the_records_means(study: Frames) -> None:
    table = intervals(study, ["bbb", "aaa"], splits=("val", "test", "ood"))
    assert list(table["config_id"].unique()) == ["bbb", "aaa"]
    runs = study.runs[study.runs["config_id"] == "bbb"]
    for split in ("val", "test", "ood"):
        rows = table[(table["config_id"] == "bbb") & (table["split"] == split)]
        found = rows.set_index("metric")["estimate"]
        assert list(found.index) == list(keys_for("classification"))
        means = runs.loc[runs["split"] == split, list(found.index)].mean()
        np.testing.assert_allclose(found, means, rtol=1e-12)
    assert set(table.loc[table["config_id"] == "bbb", "n_seeds"]) == {2}
    assert set(table["expected_seeds"]) == {3}
    assert set(table.loc[table["config_id"] == "aaa", "label"]) == {"label of aaa"}


def test_intervals_hold_their_estimates_within_the_bounds(study: Frames) -> None:
    table = intervals(study, ["aaa", "bbb"], splits=("test", "ood"))
    members = [key for key, m in keys_for("classification").items() if m.reads_members]
    unknown = table["metric"].isin(members) & (table["split"] == "ood")
    assert table.loc[unknown, ["low", "high"]].isna().all(axis=None)
    assert table.loc[unknown, "estimate"].notna().all()
    known = table[~unknown]
    assert (known["low"] < known["estimate"]).all()
    assert (known["estimate"] < known["high"]).all()
    for key, metric in keys_for("classification").items():
        low, high = metric.compute.bounds
        rows = known[known["metric"] == key]
        assert (rows["low"] >= low).all()
        assert (rows["high"] <= high).all()


def test_one_seed_of_accuracy_has_the_binomial_interval(tmp_path: Path) -> None:
    split = classifier(np.random.default_rng(0), n_samples=500)
    save(tmp_path, {"val": split, "test": split})
    table = intervals(load_frames(tmp_path), ["aaa"]).set_index("metric")
    p, low, high = table.loc["accuracy", ["estimate", "low", "high"]].to_numpy(dtype=float)
    half = t.ppf(0.975, 49) * math.sqrt(p * (1 - p) / 500)
    assert low == pytest.approx(p - half, abs=0.25 * half)  # estimated from 50 groups
    assert high == pytest.approx(p + half, abs=0.25 * half)


def test_seeds_widen_the_interval(tmp_path: Path) -> None:
    """Two seeds that predict alike, and two of which one is always right."""
    split = classifier(np.random.default_rng(0), n_samples=200)
    right = with_labels(split, split.mixed_BC.argmax(axis=1))
    for seed in range(2):
        save(tmp_path, {"val": split, "test": split}, config_id="aaa", seed=seed)
        test = right if seed else split
        save(tmp_path, {"val": split, "test": test}, config_id="bbb", seed=seed)
    table = intervals(load_frames(tmp_path), ["aaa", "bbb"])
    width = (table["high"] - table["low"])[table["metric"] == "accuracy"].to_numpy()
    rows = table[(table["config_id"] == "bbb") & (table["metric"] == "accuracy")].iloc[0]
    assert width[1] > 2 * width[0]
    assert rows["high"] == 1  # cut to what is possible
    assert rows["low"] < rows["estimate"] - 0.1


def test_severities_and_their_mean(study: Frames) -> None:
    table = severity_intervals(study, ["bbb"], ["nll", "accuracy", "mse"])
    assert list(table["metric"].unique()) == ["accuracy", "nll"]
    assert len(table) == 2 * (4 + 2)
    runs = study.runs[(study.runs["config_id"] == "bbb") & (study.runs["split"] == "corruption")]
    for _, row in table.iterrows():
        of_set = runs[runs["severity"] == row["severity"]]
        if row["corruption"] != MEAN:
            of_set = of_set[of_set["corruption"] == row["corruption"]]
        assert row["estimate"] == pytest.approx(of_set[row["metric"]].mean(), rel=1e-12)
        assert row["low"] < row["estimate"] < row["high"]
        assert (row["n_seeds"], row["expected_seeds"]) == (2, 3)
    # The mean over severities of the mean over corruptions is "ood".
    ood = intervals(study, ["bbb"], splits=("ood",)).set_index("metric")
    means = table[table["corruption"] == MEAN].groupby("metric")["estimate"].mean()
    np.testing.assert_allclose(means, ood.loc[means.index, "estimate"], rtol=1e-12)


def test_the_same_predictions_do_not_differ(study: Frames) -> None:
    table = differences(study, ["ccc", "aaa"], "aaa", splits=("test", "ood"))
    assert set(table["config_id"]) == {"ccc"}
    assert (table["estimate"] == 0).all()
    known = table.dropna(subset=["low"])
    assert (known[["low", "high"]] == 0).all(axis=None)
    assert (known[["p", "p_holm"]] == 1).all(axis=None)
    assert set(table["n_seeds"]) == {3}


def test_differences_change_sign_with_the_reference(study: Frames) -> None:
    forth = differences(study, ["bbb"], "aaa").set_index("metric")
    back = differences(study, ["aaa"], "bbb").set_index("metric")
    assert set(forth["n_seeds"]) == {2}  # the seeds that both have
    np.testing.assert_allclose(forth["estimate"], -back["estimate"], rtol=1e-12)
    np.testing.assert_allclose(forth["low"], -back["high"], atol=1e-6)
    assert forth["p"].isna().all()  # two seeds
    runs = study.runs[(study.runs["split"] == "test") & (study.runs["seed"] < 2)]
    means = runs.groupby("config_id")["nll"].mean()
    assert forth.loc["nll", "estimate"] == pytest.approx(means["bbb"] - means["aaa"], rel=1e-12)


def test_pairing_takes_away_what_both_share(tmp_path: Path) -> None:
    """Better by the same on every image: the difference is certain although the values are not."""
    split = classifier(np.random.default_rng(0), n_samples=60)
    worse = Predictive(
        task="classification",
        mixed_BC=split.mixed_BC - 0.005,  # off by 0.5% of probability: within the checks
        members_BMC=split.members_BMC,
        weights_M=split.weights_M,
        y_B=split.y_B,
    )
    save(tmp_path, {"val": split, "test": split})
    save(tmp_path, {"val": worse, "test": worse}, config_id="bbb")
    frames = load_frames(tmp_path)
    found = differences(frames, ["bbb"], "aaa").set_index("metric").loc["nll"]
    assert (found["low"], found["high"]) == pytest.approx((0.005, 0.005), abs=1e-5)
    assert math.isnan(number(found["p"]))  # one seed: nothing is known of others
    alone = intervals(frames, ["aaa"]).set_index("metric").loc["nll"]
    assert alone["high"] - alone["low"] > 0.1


def test_holm_is_over_the_configurations_of_a_metric(tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path, splits(10 + seed), seed=seed, config_id="bbb")
        for config_id in ("aaa", "ccc"):
            save(tmp_path, splits(seed), seed=seed, config_id=config_id)
    table = differences(load_frames(tmp_path), ["aaa", "ccc"], "bbb", splits=("val", "test"))
    for _, family in table.groupby(["split", "metric"]):
        p = family["p"].to_numpy()  # of two equal configurations
        assert p[0] == p[1] > 0
        np.testing.assert_allclose(family["p_holm"], np.minimum(1, 2 * p))


def test_seeds_that_never_meet_have_no_difference(tmp_path: Path) -> None:
    save(tmp_path, splits(0), seed=0)
    save(tmp_path, splits(1), seed=1, config_id="bbb")
    table = differences(load_frames(tmp_path), ["bbb"], "aaa")
    assert (table["n_seeds"] == 0).all()
    assert table[["estimate", "low", "high", "p", "p_holm"]].isna().all(axis=None)


def test_results_do_not_depend_on_what_else_is_asked_nor_on_the_cache(
    folder: Path, study: Frames
) -> None:
    table = intervals(study, ["aaa", "bbb"], splits=("ood",))
    again = intervals(study, ["bbb"], splits=("ood",))
    assert table[table["config_id"] == "bbb"].reset_index(drop=True).equals(again)
    cached = sorted((folder / ".cache" / "statistics").glob("digits-standard-bbb-s0-*.npz"))
    assert cached
    for path in cached:
        path.write_bytes(path.read_bytes()[:-30])  # cut short
    influence.forget()
    assert intervals(study, ["bbb"], splits=("ood",)).equals(again)
    influence.forget()
    for path in cached:
        path.unlink()
    assert intervals(study, ["bbb"], splits=("ood",)).equals(again)


def test_bad_input_is_refused(study: Frames) -> None:
    with pytest.raises(ValueError, match="config_id 'zzz' has no finished run"):
        intervals(study, ["zzz"])
    with pytest.raises(ValueError, match="split is 'train'; choose one of val, test, ood"):
        intervals(study, ["aaa"], splits=("train",))  # type: ignore[arg-type]
    homeless = Frames(runs=study.runs, depth=study.depth, failures=study.failures)
    for call in (intervals, severity_intervals, differences):
        with pytest.raises(ValueError, match="no results folder"):
            call(homeless, ["aaa"], *([] if call is intervals else ["aaa"]))
