"""Whole exports: every method's files, checked, and run where there is no torch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy
import torch
from narrowed import on_test

from bench.deploy.export import exporting, formats
from bench.deploy.export.__main__ import main
from bench.deploy.export.card import text
from bench.deploy.export.check import Differs
from bench.deploy.export.exported import Exported, default_masks, masks_shape
from bench.deploy.export.exporting import export
from bench.deploy.export.runtimes import onnx_run, pt2_run, torch_run
from bench.deploy.export.trained import Trained
from bench.records.schema import FinishedRun
from bench.training.inputs import Normalise
from export.conftest import SHAPE, a_method

# The others' networks are exported below.
METHODS = ("ensemble", "mc_dropout", "sae")
FILES = {
    "export.json", "model_card.md", "network.onnx", "network.pt2", "predict.py",
    "weights.safetensors",
}  # fmt: skip


@pytest.fixture(scope="session")
def exported(
    trained: Callable[[str], Trained], results: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("exports")

    def get(method: str) -> Path:
        if not (folder / method).exists():
            export(trained(method), results, folder / method, command="as asked")
        return folder / method

    return get


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_file_is_checked_on_all_test_images(
    method: str, exported: Callable[[str], Path]
) -> None:
    folder = exported(method)
    assert {path.name for path in folder.iterdir()} == FILES
    checks = json.loads((folder / "export.json").read_text())["checks"]
    assert checks.pop("tolerance") == 1e-5
    assert set(checks) == {"trained network", "network.pt2", "network.onnx"}
    for check in checks.values():
        assert check["test_images"] == 360
        assert 0 <= check["largest_difference"] < 1e-5


def test_predict_needs_no_torch(
    exported: Callable[[str], Path], trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    folder, one = exported("sae"), trained("sae")
    images_BHWQ = one.dataset.test.images_BHWQ[:7]
    np.save(tmp_path / "images.npy", images_BHWQ[..., 0])  # grey images may come without channels
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    answer = subprocess.run(
        [sys.executable, folder / "predict.py", "images.npy", "out.npz"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    predicted = np.load(tmp_path / "out.npz")
    expected = torch_run(Exported.of(one, one.method.deployed()))(images_BHWQ, None)
    assert set(predicted) == {"probabilities", "log_probabilities", "class_names"}
    assert predicted["class_names"].tolist() == list("0123456789")
    np.testing.assert_allclose(predicted["probabilities"], expected["probabilities"], atol=1e-6)
    np.testing.assert_allclose(predicted["probabilities"].sum(1), 1, atol=1e-6)


def test_predict_takes_no_images_of_another_shape(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", np.zeros((3, 1, 4, 16), np.uint8))  # as many pixels
    command = [sys.executable, str(exported("sae") / "predict.py"), "images.npy", "out.npz"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "invalid dimensions" in answer.stderr
    assert not (tmp_path / "out.npz").exists()


def test_predict_is_short(exported: Callable[[str], Path]) -> None:
    lines = (exported("sae") / "predict.py").read_text().splitlines()
    assert len(lines) <= 20
    imported = {
        line.split()[1].split(".")[0] for line in lines if line.startswith(("import", "from"))
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


def test_the_card_says_what_is_known(
    exported: Callable[[str], Path], trained: Callable[[str], Trained]
) -> None:
    card, record = (exported("sae") / "model_card.md").read_text(), trained("sae").record
    assert record.run_id in card
    assert f"{on_test(record)['accuracy']:.4f}" in card
    assert f"{record.cost.flops:,}" in card
    assert f"temperature of {record.temperature:.4g}" in card
    assert "`as asked`" in card
    for heading in ("Use", "Data", "Quality", "Cost", "Checked", "Configuration", "Limits"):
        assert f"## {heading}\n" in card


def test_a_class_name_is_no_markup(exported: Callable[[str], Path]) -> None:
    facts = json.loads((exported("sae") / "export.json").read_text())
    facts["dataset"]["class_names"][3] = "<img src=x> & 'y'"
    assert "; 3 = &lt;img src=x&gt; &amp; 'y'; 4 = 4;" in text(facts)


def test_all_files_have_the_rights_of_new_ones(exported: Callable[[str], Path]) -> None:
    assert len({path.stat().st_mode for path in exported("sae").iterdir()}) == 1


def test_weights_and_metadata(
    exported: Callable[[str], Path], trained: Callable[[str], Trained]
) -> None:
    folder, record = exported("mc_dropout"), trained("mc_dropout").record
    weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    np.testing.assert_allclose(weights["weights_M"], 0.25)
    session = onnxruntime.InferenceSession(folder / "network.onnx")
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["run_id"] == record.run_id
    assert metadata["dropout_rate"] == "0.1"
    (keep,) = session.get_overridable_initializers()
    shape = (1, *keep.shape[1:])
    assert weights["keep"].shape == shape
    assert np.array_equal(weights["keep"], default_masks(*shape[1:], 0.1))


def test_default_masks_do_not_depend_on_the_batch(
    exported: Callable[[str], Path], trained: Callable[[str], Trained]
) -> None:
    run = onnx_run(exported("mc_dropout"))
    images = trained("mc_dropout").dataset.test.images_BHWQ[:5]
    together = run(images, None)["probabilities"]
    alone = np.concatenate([run(images[i : i + 1], None)["probabilities"] for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_an_export_that_differs_leaves_nothing(
    trained: Callable[[str], Trained],
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = trained("standard")

    def writes_a_file(_trained: Trained, folder: Path) -> None:
        (folder / "network.onnx").write_text("half")

    def finds_a_difference(*_arguments: object) -> None:
        raise Differs("predictions differ")

    monkeypatch.setattr(exporting, "write_network", writes_a_file)
    monkeypatch.setattr(exporting, "_check", finds_a_difference)
    with pytest.raises(Differs):
        export(one, results, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "backbone", "task", "settings"),
    [
        ("sae", "vgg", "classification", {}),
        ("batch_ensemble", "resnet", "classification", {"n_members": 2}),
        ("mc_dropout", "vit", "classification", {"n_passes": 2}),
        ("ensemble", "vit", "regression", {"n_members": 2}),
        ("sae", "fc", "regression", {}),
    ],
)
def test_exported_predicts_as_torch_for_batches_of_any_size(
    method: str, backbone: str, task: str, settings: dict[str, int], tmp_path: Path
) -> None:
    """Any network on any backbone is one of these in each of its parts."""

    class Data:  # what Normalise reads of a dataset
        mean_Q, std_Q = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.1])

    deployed = a_method(method, backbone, task, **settings).deployed()
    normalise = Normalise(Data(), torch.device("cpu"))  # type: ignore[arg-type]
    exported = Exported(deployed, normalise, (0.0, 4.0)).eval()
    image, shape = (SHAPE.height, SHAPE.width, SHAPE.channels), masks_shape(deployed, SHAPE)
    masks = None if shape is None else default_masks(*shape, 0.1)
    blank = np.zeros((1, *image), np.uint8)
    names = list(torch_run(exported)(blank, masks))
    program = formats.to_program(exported, image, shape)
    formats.write(tmp_path, program, output_names=names, masks=masks, metadata={})
    rng = np.random.default_rng(0)
    for n_images in (1, 2, 5):
        images = rng.integers(0, 256, (n_images, *image), dtype=np.uint8)
        each = None if shape is None else rng.random((n_images, *shape)) < 0.9
        for keep in (masks, each):
            expected = torch_run(exported)(images, keep)
            for run in (pt2_run(tmp_path), onnx_run(tmp_path)):
                found = run(images, keep)
                assert list(found) == names
                for name in names:
                    np.testing.assert_allclose(
                        found[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name
                    )


def test_command_line(
    results: Path,
    records: dict[str, FinishedRun],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    base = ["--results", str(results), "--out", str(out)]
    assert main(["--best", "nll", "--method", "standard", *base]) == 0
    said = capsys.readouterr().out
    assert said.startswith(records["standard"].run_id + "\n")
    assert "checked network.onnx: 360 test images" in said
    assert "--best nll" in (out / "model_card.md").read_text()
    assert main([records["standard"].run_id, *base]) == 2
    assert "--force replaces it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name one run, or a metric"),
        (["some-run", "--best", "nll"], "name one run, or a metric"),
        (["some-run"], "no run 'some-run'"),
        (["--best", "speed"], "choose one of accuracy"),
    ],
)
def test_bad_input_is_answered(
    arguments: list[str],
    message: str,
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*arguments, "--results", str(results), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
