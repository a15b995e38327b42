"""The GPU kit on the CPU: what it measures is sound, and what is cut short keeps its rows."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from PIL import Image

from bench.data.table import load
from perf.gpu import checks, throughput
from perf.gpu.__main__ import main
from perf.gpu.networks import Running, config, random_dataset
from perf.gpu.report import Report, rows_of
from perf.gpu.stacked import networks, stacked_gradient
from perf.gpu.study import ARCHIVE, DATASET, prepare

CPU = torch.device("cpu")


def test_stacked_networks_have_the_gradients_of_each_by_itself() -> None:
    torch.manual_seed(0)
    models = networks(3)
    x_SBQHW, y_SBM = torch.randn(3, 8, 2, 28, 28), torch.randint(10, (3, 8, 8))
    parameters, gradient = stacked_gradient(models, CPU)
    found = gradient(x_SBQHW, y_SBM)
    assert found.keys() == parameters.keys()
    for model, x_BQHW, y_BM, index in zip(models, x_SBQHW, y_SBM, range(3), strict=True):
        loss = F.cross_entropy(model(x_BQHW).flatten(0, 1), y_BM.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(found[name][index], parameter.grad, rtol=1e-3, atol=1e-5)


def test_checks_find_no_difference_between_a_device_and_itself() -> None:
    found = checks._differences("sae", "fc", CPU)
    assert found.pop("captured") == 0  # there is no graph on a CPU
    assert len(found) == 3
    assert max(found.values()) < 1e-5


def test_checks_find_other_weights() -> None:
    one, other = (
        Running(config("standard", "fc"), random_dataset(checks.SHAPE, n), CPU, "eager")
        for n in (32, 64)
    )
    one.epoch()
    other.epoch()
    other.epoch()
    assert checks._relative(checks._outputs(one), checks._outputs(other)) > checks.PREDICTED_ALIKE


def test_steps_of_two_processes_are_added_up(tmp_path: Path) -> None:
    cell = throughput.Cell(method="standard", backbone="fc", mode="eager", window_s=0.02, batch=8)
    with throughput._processes(2, "cpu") as pipes:
        rate, remark = throughput._timed(pipes, cell)
        assert rate is not None
        assert rate > 0
        assert remark == ""
        broken = throughput.Cell(method="?", backbone="fc", mode="eager", window_s=0.02, batch=8)
        rate, remark = throughput._timed(pipes, broken)
        assert rate is None
        assert "?" in remark
        assert throughput._timed(pipes[:1], cell)[0]  # the processes went on


def test_each_row_is_on_disk_at_once(tmp_path: Path) -> None:
    report = Report(tmp_path / "steps.json")
    assert rows_of(tmp_path / "steps.json") == []
    report.add("fc", 3.0, "steps/s", "remark")
    assert rows_of(tmp_path / "steps.json") == report.rows
    report.add("vgg", None, "steps/s")
    assert [row.value for row in rows_of(tmp_path / "steps.json")] == [3.0, None]


def test_what_was_measured_before_stays_in_the_page(tmp_path: Path) -> None:
    Report(tmp_path / "checks.json").add("sae: captured", 4, "backbones")
    assert main(["--out", str(tmp_path), "--device", "cpu", "--parts", "steps", "--minutes", "0"])
    page = (tmp_path / "gpu.md").read_text()
    assert "sae: captured" in page
    assert "left out: no time" in page


def test_an_unknown_part_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--parts", "speed"])
    assert "no part 'speed'; choices: checks, steps, study, stacked" in capsys.readouterr().err


def test_the_prepared_archive_has_the_images_of_the_whole_one(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    wnids = [f"n{index:08}" for index in range(200)]
    rng, tested = np.random.default_rng(0), {}
    with zipfile.ZipFile(whole / "tiny-imagenet-200.zip", "w") as archive:

        def add(name: str) -> None:
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG")
            archive.writestr(f"tiny-imagenet-200/{name}", buffer.getvalue())

        archive.writestr("tiny-imagenet-200/wnids.txt", "\n".join(reversed(wnids)) + "\n")
        for wnid in wnids[:42]:
            for index in range(10):
                add(f"train/{wnid}/images/{wnid}_{index}.JPEG")
            tested[f"val_{wnid}.JPEG"] = wnid
            add(f"val/images/val_{wnid}.JPEG")
        lines = "".join(f"{file}\t{wnid}\t0\t0\t9\t9\n" for file, wnid in tested.items())
        archive.writestr("tiny-imagenet-200/val/val_annotations.txt", lines)
    part = prepare(whole / "tiny-imagenet-200.zip", tmp_path / "part")
    assert part == tmp_path / "part" / ARCHIVE
    with zipfile.ZipFile(part) as archive:
        assert sum(name.endswith(".JPEG") for name in archive.namelist()) == 40 * 11
    here, there = (load(DATASET, data=folder) for folder in (whole, tmp_path / "part"))
    for split in ("train", "val", "test"):
        one, other = getattr(here, split), getattr(there, split)
        np.testing.assert_array_equal(one.images_BHWQ, other.images_BHWQ)
        np.testing.assert_array_equal(one.y_B, other.y_B)
