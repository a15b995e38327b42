"""The speed benchmark's own logic: tables, exponents, processes."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.executors.local import local
from bench.runs.run import build
from methods.core.network import Network
from methods.sae import SAE
from perf.speed import __main__ as speed
from perf.speed import problems, processes, whole_job
from perf.speed.binds import STACKED, replaced
from perf.speed.drawing import draw
from perf.speed.growth import exponent
from perf.speed.job import Job, answer_command_line
from perf.speed.memory import workers_below
from perf.speed.part import Measured
from perf.speed.row import Row, number, table
from perf.speed.step import NETWORKS, flops_of_step, random_dataset


def test_an_exponent_is_the_slope_of_logarithms() -> None:
    assert exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)
    assert exponent({1: 5.0, 10: 5.0}) == pytest.approx(0.0, abs=1e-12)


def test_rows_as_a_table() -> None:
    rows = [
        Row(quantity="c", value=None, unit="s", remark="not installed"),
        Row(quantity="d", value=1234.0, unit="MiB"),
    ]
    assert table(rows).splitlines()[2:] == [
        "| c | not measured | not installed |",
        "| d | 1230 MiB |  |",
    ]
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
    page = (tmp_path / "table.md").read_text()
    assert "rough" in page
    assert "- memory: not measured" in page
    speed.main(["memory", "--out", str(tmp_path)])
    page = capsys.readouterr().out
    assert "| t | 1.00 s |" in page
    assert "| t | 2.00 s |" in page
    assert (tmp_path / "speed.png").stat().st_size > 1000
    with pytest.raises(SystemExit, match="2"):
        speed.main(["nothing", "--out", str(tmp_path)])


def test_no_label_of_the_figure_lies_on_another(tmp_path: Path) -> None:
    curve = {"1": 1.0, "2": 2.0, "4": 3.9, "8": 4.5}
    data: dict[str, Any] = {
        **{
            name: {"label": "FC", "seconds": {"ours": [1.0], "plain": [2.0], "Lightning": [9.0]}}
            for name in ("pneumonia", "blood", "retina")
        },
        "step": {"shares": {"FC": 20.0, "VGG": 40.0, "ViT": 39.0, "ResNet": 28.0}},
        "growth": {"epoch_s": dict.fromkeys("NKDWM", curve)},
    }
    machine = {"cpu": "x", "cores": 2, "packages": {"torch": "0"}, "load": 0.0}
    rest = {"rows": [], "quick": False, "when": "now", "commit": "c", "machine": machine}
    speed.write({name: {"data": each, **rest} for name, each in data.items()}, tmp_path)
    figure = draw({name: {"data": each} for name, each in data.items()})
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    for axes in figure.axes:
        texts = [*axes.texts, *axes.get_xticklabels(), axes.xaxis.label]
        legend = axes.get_legend()
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        boxes += [legend.get_window_extent()] if legend else []
        pairs = itertools.combinations(boxes, 2)
        assert not any(one.overlaps(other) for one, other in pairs)


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


def test_flops_of_a_step_by_hand() -> None:
    assignments = ("sae.n_inputs=2", "sae.n_exits=1", "fc.width=8", "fc.depth=1")
    (config,) = problems.configs("pneumonia", epochs=1, assignments=assignments)
    method = build(config, random_dataset(NETWORKS["FC"], 2))
    assert isinstance(method, SAE)
    stem, norm, rest = 2 * 784 * 8, 2 * 8, 8 * 8 + 8 * 2 * 2
    assert flops_of_step(method, (28, 28, 1)) == 2 * (2 * stem + 3 * (rest + norm))


def test_quality_is_compared_in_standard_errors() -> None:
    ours = [{"accuracy": 0.9}, {"accuracy": 0.92}]
    assert whole_job.quality(ours, ours).endswith("0.9100, ours 0.9100 (0.0 SE apart)")
    # The error of the difference: sqrt((.0002 + .0002) / 2) = .01414; the means are .4 apart.
    far = [{"accuracy": 0.5}, {"accuracy": 0.52}]
    assert whole_job.quality(ours, far).endswith("(28.3 SE apart)")


def test_another_framework_trains_each_seed_by_a_command(tmp_path: Path) -> None:
    code = f"open(r'{tmp_path}/' + '{{seed}}-{{epochs}}', 'w')"
    command = f'{sys.executable} -c "{code.replace("{{", "{").replace("}}", "}")}"'
    assert whole_job.run_other(command, Job(problem="pneumonia", epochs=7, seeds=2)) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-7", "1-7"]


@pytest.mark.slow
def test_memory_is_that_of_the_workers() -> None:
    with local(1) as cluster:
        worker = cluster.call(os.getpid)
        assert [process.pid for process in workers_below(os.getpid())] == [worker]


@pytest.mark.numeric
@pytest.mark.parametrize("name", STACKED)
def test_stacked_exits_are_the_exits(name: str) -> None:
    (config,) = problems.configs("pneumonia", epochs=1)
    dataset = random_dataset(NETWORKS["FC"], 16)
    found = []
    for forward in (Network.forward, STACKED[name]):
        method = build(config, dataset).train()
        assert isinstance(method, SAE)
        x_BQHW = torch.randn(16, 2, 28, 28, generator=torch.Generator().manual_seed(0))
        with replaced(forward):
            outputs_BMC = method.network(x_BQHW)
        outputs_BMC.square().sum().backward()
        gradients = [p.grad for p in method.network.parameters()]
        averages = [b for b in method.network.buffers() if b.is_floating_point()]  # no step counts
        found.append([outputs_BMC, *gradients, *averages])
    for plain, stacked in zip(*found, strict=True):
        torch.testing.assert_close(stacked, plain, rtol=1e-4, atol=1e-4)
