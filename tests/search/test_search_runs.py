"""The search as a command: what it trains, what it tests, and what can never reach it."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from narrowed import done
from runs.tiny_runs import FEW_CORRUPTIONS, Cli, folder_bytes, without_circumstances

from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS, DatasetRow, load_digits
from bench.records import measurements
from bench.records.frames import load_frames
from bench.records.search_budget import budgets
from bench.records.store import Store, search_folder
from bench.runs import loaded
from bench.runs import run as run_module
from bench.runs.run import run_one
from bench.search.__main__ import main
from bench.search.history import JOURNAL
from bench.shift import table as corruptions

TINY = (
    "--preset", "smoke", "--set", "epochs=1", "--set", "width=4,8", "--set", "depth=2",
    "--workers", "0", "--sampler", "tpe", "--batch", "3", "--finalists", "3",
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
    monkeypatch.setattr(corruptions, "CORRUPTIONS", few)
    loaded.load_dataset.cache_clear()
    yield
    loaded.load_dataset.cache_clear()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(results: Path, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*TINY, "--results", str(results), *arguments])
        return code, *capsys.readouterr()

    return run


def journal(results: Path) -> dict[str, list[optuna.trial.FrozenTrial]]:
    backend = optuna.storages.journal.JournalFileBackend(str(search_folder(results) / JOURNAL))
    storage = optuna.storages.JournalStorage(backend)
    return {
        name: optuna.load_study(study_name=name, storage=storage).trials
        for name in optuna.get_all_study_names(storage)
    }


def test_search_then_test_on_fresh_seeds(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli(tmp_path, "--methods", "sae,standard", "--trials", "10", "--seeds", "1,2")
    assert code == 0
    searched = list(Store(search_folder(tmp_path)).finished())
    contenders = [one for one in searched if one.config.seed == 1000]
    searched = [one for one in searched if one.config.seed == 0]
    assert contenders
    assert all(one.metrics.test is None and one.stage == "search" for one in searched)
    final = list(Store(tmp_path).finished())
    assert {one.config.seed for one in final} == {1, 2}
    assert all(one.metrics.test and one.metrics.corruptions for one in final)
    # Only what was searched is tested, and all of it on every seed.
    tested = {one.config_id for one in final}
    assert tested <= {one.config_id for one in searched}
    assert len(final) == 2 * len(tested)
    # 8 cells and 2 more for SAE; the standard NN's two widths are all there is to try.
    trials = {name.split("-")[1]: found for name, found in journal(tmp_path).items()}
    assert {name: len(found) for name, found in trials.items()} == {"sae": 10, "standard": 2}
    assert "networks trained: sae" in out
    found = budgets(tmp_path).set_index("method")
    again = Counter(one.config.method.name for one in contenders)
    assert dict(found["trained"]) == {"sae": 10 + again["sae"], "standard": 2 + again["standard"]}
    seconds = sum(
        one.timings.train_cpu_s + one.timings.evaluate_cpu_s
        for one in [*searched, *contenders]
        if one.config.method.name == "sae"
    )
    assert found.loc["sae", "core_seconds"] == pytest.approx(seconds)
    frames = load_frames(tmp_path)
    assert set(frames.runs["config_id"]) == tested


def test_the_same_command_again_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    arguments = ("--methods", "ensemble", "--trials", "4", "--seeds", "1")
    first = cli(tmp_path, *arguments)
    before = (search_folder(tmp_path) / JOURNAL).read_bytes(), (tmp_path / "summary.md").read_text()
    again = cli(tmp_path, *arguments)
    after = (search_folder(tmp_path) / JOURNAL).read_bytes(), (tmp_path / "summary.md").read_text()
    assert (first[0], first[1]) == (again[0], again[1])
    assert before == after


def poisoned(row: DatasetRow, data: Path | None, cache: Path | None) -> Dataset:
    """Digits, but for a test split of noise with labels of chance."""
    dataset = load_digits(row, data, cache)
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, dataset.test.images_BHWQ.shape).astype(np.uint8)
    y_B = rng.permutation(dataset.test.y_B)
    return dataclasses.replace(dataset, test=Split(images_BHWQ=images, y_B=y_B))


def test_test_data_can_not_reach_the_search(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 8 trials are of the design; what was observed decides the others.
    arguments = ("--methods", "sae,mc_dropout", "--trials", "10", "--seeds", "1")
    cli(tmp_path / "clean", *arguments)
    row = dataclasses.replace(DATASETS["digits"], loader=poisoned)
    monkeypatch.setitem(DATASETS, "digits", row)
    loaded.load_dataset.cache_clear()
    cli(tmp_path / "poisoned", *arguments)

    clean, poison = (Store(search_folder(tmp_path / name)) for name in ("clean", "poisoned"))
    assert clean.run_ids() == poison.run_ids()
    for run_id in clean.run_ids():
        one, other = (without_circumstances(s.load(run_id)) for s in (clean, poison))
        # That the data differ is recorded.
        assert one["dataset"].pop("fingerprint") != other["dataset"].pop("fingerprint")
        assert one == other
        assert folder_bytes(clean.folder(run_id)) == folder_bytes(poison.folder(run_id))
    # The same points, in the same order, and the same ones chosen.
    found, expected = (list(journal(tmp_path / name).values()) for name in ("poisoned", "clean"))
    assert [[(t.params, t.values) for t in trials] for trials in found] == [
        [(t.params, t.values) for t in trials] for trials in expected
    ]
    finals = [Store(tmp_path / name) for name in ("clean", "poisoned")]
    assert finals[0].run_ids() == finals[1].run_ids()
    # The poison is real: whoever looked at the test split would have seen something else.
    for run_id in finals[0].run_ids():
        honest, misled = (done(store.load(run_id)) for store in finals)
        assert honest.metrics.val == misled.metrics.val
        assert honest.metrics.test != misled.metrics.test


def test_a_search_on_other_data_of_the_name_needs_another_folder(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--methods", "standard", "--trials", "2", "--seeds", "1")
    assert cli(tmp_path, *arguments)[0] == 0
    row = dataclasses.replace(DATASETS["digits"], loader=poisoned)
    monkeypatch.setitem(DATASETS, "digits", row)
    loaded.load_dataset.cache_clear()
    code, _, err = cli(tmp_path, *arguments)
    assert code == 2
    assert "has runs on other data of the name 'digits'" in err


def test_bounds_and_budget(cli: Cli, tmp_path: Path) -> None:
    # 64 x 4 weights of the stem alone make 256: at a width of 8 every network is above 600.
    code, _, _ = cli(
        tmp_path, "--methods", "sae,standard,ensemble", "--trials", "8", "--seeds", "1",
        "--max-flops", "600", "--budget", "paper",
    )  # fmt: skip
    assert code == 2  # two members are above it too
    code, _, _ = cli(
        tmp_path, "--methods", "sae,standard", "--trials", "8", "--seeds", "1",
        "--max-flops", "600", "--budget", "paper",
    )  # fmt: skip
    assert code == 0
    final = list(Store(tmp_path).finished())
    assert final
    assert all(one.cost.flops <= 600 for one in final)
    assert all(one.config.backbone.settings["width"] == 4 for one in final)


def test_a_search_that_measures(cli: Cli, tmp_path: Path) -> None:
    arguments = ("--methods", "sae", "--trials", "4", "--seeds", "1")
    assert cli(tmp_path / "plain", *arguments)[0] == 0
    timed = (*arguments, "--costs", "eager_latency_ms,flops")
    assert cli(tmp_path / "timed", *timed)[0] == 0
    # Another search, which trains the same first points to the same bits.
    plain, other = (Store(search_folder(tmp_path / name)) for name in ("plain", "timed"))
    both = set(plain.run_ids()) & set(other.run_ids())
    assert both
    for run_id in both:
        one, two = (without_circumstances(s.load(run_id)) for s in (plain, other))
        assert one == two
        assert folder_bytes(plain.folder(run_id)) == folder_bytes(other.folder(run_id))
    before = journal(tmp_path / "timed")
    for trials in before.values():
        for trial in trials:
            values = measurements.measured_values(other.root, trial.user_attrs["run_id"])
            assert values is not None
            assert trial.values[-1] == values["eager_latency_ms"]
            assert set(trial.user_attrs["other_costs"]) == {"params"}
    # The same command measures nothing again; one with other costs is another search.
    assert cli(tmp_path / "timed", *timed)[0] == 0
    assert journal(tmp_path / "timed") == before
    assert cli(tmp_path / "timed", *arguments)[0] == 0
    assert len(journal(tmp_path / "timed")) == 2 * len(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--costs", "flops,time"), "--costs flops,time: 'time' is not what a search can minimise"),
        (("--costs", "eager_image_ms", "--workers", "2"), "pass --workers 1, or leave it out"),
        (("--trials", "0"), "--trials 0: must be >= 1"),
        (("--batch", "0"), "--batch 0: must be >= 1"),
        (("--search-seed", "2", "--seeds", "1,2"), "--search-seed 2: must not be one of --seeds"),
        (("--sampler", "bayes"), "sampler 'bayes' is unknown; choose one of botorch, tpe"),
        (("--max-flops", "-1"), "--max-flops -1: must be above 0"),
        (("--max-params", "10", "--methods", "standard"), "none of 2 configurations is within"),
        (
            ("--max-params", "10", "--methods", "sae"),
            "feasible under the rule 'at most 10 parameters'",
        ),
        (("--methods", "svm"), "unknown method 'svm'"),
        (("--storage", "nonsense"), "--storage nonsense: cannot be opened"),
        (("--set", "sae.n_inputs=0"), "sae.n_inputs=0: must be >= 1"),
    ],
)
def test_bad_input_is_one_message(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, _, err = cli(tmp_path, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("**/record.json"))


def test_a_failed_run_is_a_failed_trial_and_the_others_go_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(config: Any, **options: Any) -> Any:
        if config.backbone_settings.width == 8:
            raise RuntimeError("made to fail")
        return run_one(config, **options)

    monkeypatch.setattr(run_module, "run_one", failing)
    code, out, _ = cli(
        tmp_path, "--methods", "standard,mc_dropout", "--trials", "6", "--seeds", "1"
    )
    assert code == 1
    assert "made to fail" in out
    finals = list(Store(tmp_path).finished())
    assert {one.config.backbone.settings["width"] for one in finals} == {4}
    assert {one.config.method.name for one in finals} == {"standard", "mc_dropout"}


def test_a_plan_runs_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--preset", "smoke", "--methods", "standard,sae", "--trials", "6", "--finalists", "2"]
    assert main([*call, "--plan", "--results", str(tmp_path / "none")]) == 0
    standard, sae, total, last = capsys.readouterr().out.splitlines()
    assert standard.startswith("digits, standard: at most 4 trials (enumerate; varies fc.depth), ")
    assert sae.startswith("digits, sae: at most 6 trials (botorch; varies sae.n_inputs, ")
    assert sae.endswith("then at most 2 configurations on 4 seeds")
    assert total.startswith("at most about ")
    assert last == "nothing was run"
    assert not (tmp_path / "none").exists()
