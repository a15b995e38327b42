"""What a user can get wrong on the command line, and what may be missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli.run_options import names
from bench.compare import main
from bench.data import medmnist_files
from bench.runs.loaded import load_dataset
from runs.tiny_runs import Cli


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(flag: str, size: int, folder: Path) -> None:
        raise RuntimeError("URLError: <urlopen error [Errno -3] Temporary failure>")

    monkeypatch.setattr(medmnist_files, "_medmnist_download", refuse)
    load_dataset.cache_clear()
    yield
    load_dataset.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # What a plan refuses: test_plan.
        (["--methods", "sea"], "unknown method 'sea'; choices: batch_ensemble, ensemble, masks"),
        (["--methods", "./nowhere.py"], "method "),
        (["--backbone", "./nowhere.py"], "backbone "),
        (["--set", "epoch=1"], "--set epoch=1: unknown key 'epoch'; choices: train.epochs, "),
        (["--seeds=-1"], "--seeds -1: must be integers >= 0, for example 0,1,2"),
        (["--seeds", "-1"], "--seeds -1: must be integers >= 0, for example 0,1,2"),
        (["--seeds", "a"], "--seeds a: must be integers, for example 0,1,2"),
        (["--seeds", "0,1.5"], "--seeds 0,1.5: must be integers, for example 0,1,2"),
        (["--seeds", ""], "--seeds : must be integers >= 0, for example 0,1,2"),
        (["--workers", "-1"], "--workers -1: must be >= 0 (0 = in this process)"),
        (["--device", "nonsense"], "--device nonsense: not usable here ("),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_trains_nothing(
    cli: Cli, trained: list[str], arguments: list[str], message: str
) -> None:
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert trained == []


def test_a_path_may_have_commas(tmp_path: Path) -> None:
    folder = tmp_path / "a, b"
    folder.mkdir()
    assert names(str(folder)) == [str(folder)]
    assert names("digits,,pneumonia,digits") == ["digits", "pneumonia"]
    assert names(f"{'x' * 9999},\0") == ["x" * 9999, "\0"]
    assert names("") == []


@pytest.mark.parametrize("arguments", [["--workers", "two"], ["--nonsense"], ["--seeds"]])
def test_what_argparse_refuses_has_the_same_exit_code(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


@pytest.mark.parametrize("option", ["--datasets", "--methods"])
def test_an_empty_list_is_not_the_default(cli: Cli, option: str, trained: list[str]) -> None:
    code, _, err = cli(option, ",")
    assert (code, trained) == (2, [])
    assert option in err


def test_a_seed_that_is_there_twice_is_an_error(cli: Cli, trained: list[str]) -> None:
    code, _, err = cli("--seeds", "0,00,+0")
    assert (code, trained) == (2, [])
    assert err == "error: --seeds 0,00,+0: 0 is there twice; a seed is one run\n"
    code, _, err = cli("--seeds", "3", "--seeds", "4")
    assert code == 2
    assert err == "error: --seeds is there twice; give it once, for example 0,1,2\n"


def test_a_batch_larger_than_the_data_is_said(cli: Cli) -> None:
    code, _, err = cli("--set", "batch_size=5000")
    assert code == 0
    assert "batch_size=5000 is more than its 1077 training images: an epoch is one step" in err


def test_data_that_was_asked_for_and_can_not_be_had(
    cli: Cli, trained: list[str], tmp_path: Path, no_network: None
) -> None:
    code, out, err = cli("--datasets", "digits,pneumonia", "--data", str(tmp_path))
    assert (code, out, trained) == (2, "", [])
    (message,) = [line for line in err.splitlines() if not line.startswith("downloading")]
    assert message.startswith(
        "error: dataset 'pneumonia' is not available: looked for pneumoniamnist.npz in "
        f"{tmp_path} (from --data); tried to download it with medmnist: URLError"
    )
    assert "Put the official file there, or pass --data FOLDER, or set SAE_BENCH_DATA" in message
    assert list(tmp_path.glob("*.npz")) == []


def test_data_of_a_preset_that_can_not_be_had_is_skipped_with_the_reason(
    cli: Cli, trained: list[str], results: Path, tmp_path: Path, no_network: None
) -> None:
    arguments = ["--preset", "quick", "--seeds", "0", "--data", str(tmp_path)]
    code, out, _ = cli(*arguments)
    assert code == 0
    assert {run_id.partition("-")[0] for run_id in trained} == {"digits"}
    assert "skipped pneumonia: dataset 'pneumonia' is not available: looked for" in out
    assert "skipped pneumonia" in (results / "summary.md").read_text()


def test_results_that_can_not_be_written(cli: Cli, trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")  # other reasons: test_store_faults
    code, out, err = cli("--results", str(tmp_path / "target"))
    assert (code, out, trained) == (2, "", [])
    assert err.startswith(f"error: results folder {tmp_path / 'target'}: ")
    assert "pass --results FOLDER" in err
    assert err.count("\n") == 1


def test_too_little_address_space_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**30, 2**30))
    code, _, err = cli()
    assert code == 2
    assert err.startswith("error: ulimit -v 1048576: must be >= 4194304, which importing PyTorch")
