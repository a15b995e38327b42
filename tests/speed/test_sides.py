"""All sides of the whole job train the same network on the same loss, and validate alike."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest
import torch
from narrowed import number
from torch.utils.data import DataLoader

from bench.data.dataset import Dataset
from bench.metrics import table as metrics
from bench.runs.loaded import load_dataset
from bench.runs.run import build
from bench.training.inputs import Inputs, Normalise
from bench.training.predict import predict_split
from methods.core.backbone import ImageShape
from perf.speed import our_job, plain_job, problems, usual_data
from perf.speed.job import Job
from perf.speed.usual_training import network, scores

CPU = torch.device("cpu")
JOB = Job(problem="pneumonia", epochs=1, seeds=1)


@pytest.fixture
def pneumonia() -> Dataset:
    if "SAE_BENCH_DATA" not in os.environ:
        pytest.skip("SAE_BENCH_DATA names no data folder: genuine data needed")
    return load_dataset("pneumonia", None)


def our_loss(dataset: Dataset, n_images: int) -> torch.Tensor:
    (config,) = problems.configs("pneumonia", epochs=1)
    method = build(config, dataset).train()
    inputs = Inputs.of(dataset.train, CPU)
    x_BQHW = Normalise(dataset, CPU)(inputs.images_BQHW[:n_images])
    torch.manual_seed(7)
    return method.loss(x_BQHW, inputs.y_B[:n_images], 0.3)


def test_the_plain_loop_has_our_loss_on_a_batch(pneumonia: Dataset) -> None:
    x_BQHW, labels_B1 = usual_data.tensors("pneumonia", "train")[:16]
    method = network(JOB, 0, ImageShape(1, 28, 28)).train()
    torch.manual_seed(7)
    loss = method.loss(x_BQHW, usual_data.targets("pneumonia", labels_B1), 0.3)
    torch.testing.assert_close(loss, our_loss(pneumonia, 16), rtol=1e-5, atol=1e-6)


def test_lightning_has_our_loss_on_a_batch(pneumonia: Dataset) -> None:
    pytest.importorskip("lightning", reason="lightning is not installed (group benchmarks)")
    # It warns of its own dependencies while it is imported: no concern of ours.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from perf.speed.lightning_job import LightningSAE

        model = LightningSAE(JOB, 0, ImageShape(1, 28, 28), 11)
    transform = usual_data.usual_transform("pneumonia")
    split: Any = usual_data.pil_split("pneumonia", "train", transform)
    images, labels = zip(*(split[index] for index in range(16)), strict=True)
    labels_B1 = torch.stack([torch.as_tensor(label) for label in labels])
    model.method.train()
    torch.manual_seed(7)
    loss = model.method.loss(torch.stack(images), usual_data.targets("pneumonia", labels_B1), 0.3)
    torch.testing.assert_close(loss, our_loss(pneumonia, 16), rtol=1e-5, atol=1e-6)


def test_the_plain_loop_validates_as_we_do(pneumonia: Dataset) -> None:
    method = network(JOB, 0, ImageShape(1, 28, 28)).eval()
    val = DataLoader(usual_data.tensors("pneumonia", "val"), batch_size=100)
    found = plain_job.validate(method, JOB, val)
    inputs, normalise = Inputs.of(pneumonia.val, CPU), Normalise(pneumonia, CPU)
    predictive = predict_split(method, inputs, normalise, seed=0, purpose="val")
    expected = metrics.evaluate(predictive, None)
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-5), name


def test_grades_are_scored_as_we_do() -> None:
    method = network(Job(problem="retina", epochs=1, seeds=1), 0, ImageShape(3, 28, 28)).eval()
    x_BQHW, y_B = torch.rand(5, 3, 28, 28), torch.rand(5)
    with torch.no_grad():
        found = scores(method, x_BQHW, y_B)
        mixed_BC = method.likelihood.mix(method(x_BQHW), method.weights())
    mean_B, log_variance_B = mixed_BC.unbind(-1)
    gaussian = torch.distributions.Normal(mean_B, (0.5 * log_variance_B).exp())
    log_prob_B = gaussian.log_prob(y_B)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found["nll"], -log_prob_B.sum())


@pytest.mark.slow
def test_our_side_is_the_benchmark_itself(pneumonia: Dataset) -> None:
    (answer,) = our_job.run(JOB)
    assert 0.5 < number(answer["accuracy"]) <= 1.0
