"""The speed benchmark's own logic: tables, exponents, processes, marks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.loop import train
from methods.sae import SAE
from perf.speed import __main__ as speed
from perf.speed import problems, processes, whole_job
from perf.speed.exponents import exponent
from perf.speed.job import Job, answer_command_line
from perf.speed.part import Measured, Records
from perf.speed.row import Row, number, table
from perf.speed.step import NETWORKS, flops_of_step, random_dataset
from perf.speed.step_marks import PARTS, MarkedNormalise, Marks, marked

CPU = torch.device("cpu")


def test_an_exponent_is_the_slope_of_logarithms() -> None:
    assert exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)
    assert exponent({1: 5.0, 10: 5.0}) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="at least 2"):
        exponent({1: 1.0})
    with pytest.raises(ValueError, match="positive"):
        exponent({1: 1.0, 2: 0.0})


def test_rows_say_whether_a_target_is_met() -> None:
    rows = [
        Row(quantity="a", value=12.5, unit="x", target=12.0, bound="at least"),
        Row(quantity="b", value=0.3, unit="s", target=0.2, binds="numpy"),
        Row(quantity="c", value=None, unit="s", target=1.0, remark="not installed"),
        Row(quantity="d", value=1234.0, unit="MiB"),
    ]
    assert [row.met for row in rows] == [True, False, None, None]
    lines = table(rows).splitlines()
    assert lines[2:6] == [
        "| a | 12.5 x | at least 12.0 x | yes |  |",
        "| b | 0.300 s | at most 0.200 s | **no** |  |",
        "| c | not measured | at most 1.00 s |  | not installed |",
        "| d | 1230 MiB |  |  |  |",
    ]
    assert lines[-1] == "- b: numpy"
    assert [Row.from_dict(json.loads(json.dumps(row.as_dict()))) for row in rows] == rows


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00 s"), (0.04214, "0.0421 s"), (999.6, "1000 s"), (5.0, "5.00 s")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value, "s") == text


def test_parts_write_their_files_and_keep_those_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def part(value: float) -> Any:
        measured = Measured(rows=[Row(quantity="t", value=value, unit="s")])
        return lambda *, quick: measured if quick in {True, False} else None

    monkeypatch.setattr(speed, "PARTS", {"start": part(1.0), "memory": part(2.0)})
    speed.main(["start", "--quick", "--out", str(tmp_path)])
    page = (tmp_path / "speed.md").read_text()
    assert "Rough" in page
    assert "Not measured: memory." in page
    speed.main(["memory", "--out", str(tmp_path)])
    page = capsys.readouterr().out
    assert "| t | 1.00 s |" in page
    assert "| t | 2.00 s |" in page
    assert (tmp_path / "speed.png").stat().st_size > 1000
    with pytest.raises(SystemExit, match="2"):
        speed.main(["nothing", "--out", str(tmp_path)])


def test_the_figure_draws_what_was_measured(tmp_path: Path) -> None:
    parts = dict.fromkeys(PARTS, 0.5)
    data: dict[str, Any] = {
        "pneumonia": {"label": "FC", "seconds": {"ours": [1.0], "Lightning": [9.0]}},
        "step": {
            "networks": {"FC": {"parts": parts, "flops": 1e9, "step": 4.0, "peak_flops": 1e9}},
        },
        "growth": {"epoch_s": {"N": {"1": 1.0, "2": 2.0}}},
    }
    machine = {"cpu": "x", "cores": 2, "packages": {"torch": "0"}, "load": 0.0}
    rest = {"rows": [], "quick": False, "when": "now", "commit": "c", "machine": machine}
    records: Records = {name: {"data": each, **rest} for name, each in data.items()}
    speed.write(records, tmp_path)
    assert (tmp_path / "speed.png").stat().st_size > 10_000


def test_the_points_are_single_runs() -> None:
    for name, problem in problems.PROBLEMS.items():
        runs = problems.configs(name, epochs=3, seeds=2)
        assert [run.seed for run in runs] == [0, 1]
        assert {run.backbone for run in runs} == {problem.label.lower()}
        assert runs[0].training.epochs == 3
        assert (runs[0].settings.n_inputs, runs[0].settings.n_exits) == (2, 2)  # type: ignore[attr-defined]


def test_a_side_gets_the_job_and_leaves_its_answer(tmp_path: Path) -> None:
    job = Job(problem="blood", epochs=2, seeds=3, workers=1)
    command = job.command("some.side", tmp_path / "answer.json")
    assert command[:3] == [sys.executable, "-m", "some.side"]

    def side(got: Job) -> list[dict[str, float]]:
        assert got == job
        return [{"nll": 1.0}]

    answer_command_line(side, command[3:])
    assert json.loads((tmp_path / "answer.json").read_text()) == [{"nll": 1.0}]


def test_processes_are_timed_watched_and_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    seen: list[int] = []
    code = "import os, time; time.sleep(0.3); assert 'OMP_NUM_THREADS' not in os.environ"
    assert processes.seconds([sys.executable, "-c", code], seen.append) > 0.3
    assert set(seen)
    assert os.getpid() not in seen
    with pytest.raises(RuntimeError, match="ValueError: so it is"):
        processes.seconds([sys.executable, "-c", "raise ValueError('so it is')"])


def test_a_step_is_divided_into_its_parts() -> None:
    (config,) = problems.configs("pneumonia", epochs=2)
    dataset = random_dataset(NETWORKS["FC"], 3 * 128)
    method, marks = build(config, dataset), Marks()
    normalise = MarkedNormalise(Normalise(dataset, CPU), marks)
    inputs = Inputs.of(dataset.train, CPU)
    with marked(method, marks):
        train(method, inputs, normalise, config.training, lambda _: {"nll": 0.0})
    assert marks.seconds().shape == (5, len(PARTS))
    assert (marks.seconds() > 0).all()
    plain = build(config, dataset)
    train(plain, inputs, Normalise(dataset, CPU), config.training, lambda _: {"nll": 0.0})
    for one, other in zip(method.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other), "the marks changed the training"


def test_flops_of_a_step_by_hand() -> None:
    assignments = ("sae.n_inputs=2", "sae.n_exits=1", "fc.width=8", "fc.depth=1")
    (config,) = problems.configs("pneumonia", epochs=1, assignments=assignments)
    method = build(config, random_dataset(NETWORKS["FC"], 2))
    assert isinstance(method, SAE)
    stem, norm, rest = 2 * 784 * 8, 2 * 8, 8 * 8 + 8 * 2 * 2
    assert flops_of_step(method, (28, 28, 1)) == 2 * (2 * stem + 3 * (rest + norm))


def test_quality_is_compared_in_standard_errors() -> None:
    ours = [{"accuracy": 0.9}, {"accuracy": 0.92}]
    row = whole_job._quality("x", "other", {"ours": ours, "other": ours})
    assert row.value == 0.0
    far = [{"accuracy": 0.5}, {"accuracy": 0.52}]
    row = whole_job._quality("x", "other", {"ours": ours, "other": far})
    assert row.met is False
