"""`--plan`: nothing is run or written, and its numbers are near those of the runs."""

import json
import re
from pathlib import Path

import pytest

from bench.runs import forecast as forecast_module
from bench.runs.forecast import forecast
from bench.runs.settings import SweepSettings
from runs.tiny_runs import Cli, config


def total(lines: list[str]) -> tuple[float, float]:
    """Seconds and MB of the line with the estimate."""
    (line,) = [line for line in lines if " to run: " in line]
    found = re.search(r"about (\d+) s on .* and (\d+) MB", line)
    assert found, line
    return float(found[1]), float(found[2])


def test_a_plan_names_runs_and_data_and_runs_nothing(
    cli: Cli, trained: list[str], tmp_path: Path
) -> None:
    code, out, _ = cli("--plan", "--seeds", "0,1", "--results", str(tmp_path / "none"))
    lines = out.splitlines()
    assert code == 0
    assert lines[:2] == [
        "digits (scikit-learn): images of 8x8x1; 1077 train, 360 val, 360 test",
        "  Standard NN: 1 configurations, 2 runs to make",
    ]
    assert f"2 runs, 0 of them already in {tmp_path / 'none'}" in lines
    assert lines[-1] == "nothing was run"
    assert trained == []
    assert not (tmp_path / "none").exists()


def test_what_is_there_is_no_part_of_it(cli: Cli, results: Path) -> None:
    cli()
    _, out, _ = cli("--plan")
    assert "Standard NN: 1 configurations, 0 runs to make" in out
    assert "to run: " not in out


def test_sizes_are_those_of_the_runs_and_other_seeds_give_the_time(
    cli: Cli, results: Path, context: SweepSettings
) -> None:
    many = [config(seed=seed) for seed in range(50)]
    _, by_probe = total(list(forecast(many, context, workers=1)))
    cli()
    (folder,) = (results / "runs").iterdir()
    size = 50 * sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    assert by_probe == pytest.approx(size, rel=0.3)
    seconds, by_record = total(list(forecast(many, context, workers=1)))
    assert by_record == pytest.approx(size * 49 / 50, abs=1)
    timings = json.loads((folder / "record.json").read_text())["timings"]
    assert seconds == pytest.approx(49 * (timings["train_s"] + timings["evaluate_s"]), abs=1)
    assert total(list(forecast(many, context, workers=4)))[0] == pytest.approx(seconds / 4, abs=1)


def test_what_is_beyond_the_time_for_probes_takes_the_mean(
    context: SweepSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast_module, "LONGEST_PROBE_S", 0.0)
    probed = []
    probe = forecast_module._probe

    def spy(chosen: object, *arguments: object) -> object:
        probed.append(chosen)
        return probe(chosen, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(forecast_module, "_probe", spy)
    times = iter([0.0, 0.0, 1.0])
    monkeypatch.setattr("bench.runs.forecast.time.monotonic", times.__next__)
    found = forecast_module._probes([config(), config("ensemble", n_members=2)], context)
    assert len(probed) == 1
    assert len(set(found.values())) == 1
