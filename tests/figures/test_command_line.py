"""Figures by name, and `python -m bench.figures`."""

from pathlib import Path

import pytest

from bench.figures import load, names
from bench.figures.__main__ import main
from bench.records.frames import Frames
from figures.study import frames, make_study


def test_discovery() -> None:
    assert {"pareto", "heatmap", "depth", "ood"} <= set(names())
    assert not {"style", "__main__", "__init__"} & set(names())
    with pytest.raises(ValueError, match=r"'style'.*pareto"):
        load("style")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder, with the loading of records replaced by the small study."""
    monkeypatch.setattr("bench.records.frames.load_frames", lambda *_: make_study(["digits"]))
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_main_writes_the_named_figures(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plots = tmp_path / "new" / "plots"
    caplog.set_level("INFO", logger="bench")
    assert main(["pareto", "--results", str(results), "--plots", str(plots)]) == 0
    files = ["pareto_digits.pdf", "pareto_digits.png"]
    assert sorted(path.name for path in plots.iterdir()) == files
    assert sorted(Path(m).name for m in caplog.messages) == files
    assert (plots / "pareto_digits.png").read_bytes().startswith(b"\x89PNG")
    assert (plots / "pareto_digits.pdf").read_bytes().startswith(b"%PDF")


def test_main_rejects_unknown_names(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = tmp_path / "plots"
    assert main(["pareto", "pie", "--results", str(results), "--plots", str(plots)]) == 2
    message = capsys.readouterr().err.removeprefix("error: ")
    assert "'pie'" in message
    assert "pareto" in message
    assert not plots.exists()


def test_costs_on_the_command_line(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = tmp_path / "plots"
    arguments = ["pareto", "--results", str(results), "--plots", str(plots)]
    assert main([*arguments, "--costs", "params,flops"]) == 0
    names = ["pareto_digits_params_flops.pdf", "pareto_digits_params_flops.png"]
    assert sorted(path.name for path in plots.iterdir()) == names
    assert main([*arguments, "--costs", "flops,time"]) == 2
    message = capsys.readouterr().err.removeprefix("error: ")
    assert "unknown cost 'time'; choose from flops, params, paper_flops" in message


def test_a_failed_write_leaves_nothing(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        main(["heatmap", "--results", str(results), "--plots", str(tmp_path / "plots")])
    assert list((tmp_path / "plots").iterdir()) == []


def test_nothing_to_show_is_said(study: Frames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    baselines = study.runs[study.runs["n_inputs"].isna() & (study.runs["split"] == "val")]
    nothing = frames(baselines)
    for name in ("pareto", "heatmap", "depth", "ood"):
        caplog.clear()
        assert list(load(name)(nothing)) == []
        assert f"{name}: nothing to show" in caplog.text
