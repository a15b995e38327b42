"""Trained networks of every method on every backbone, with norms far from their start."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from settled import settle

from bench.deploy.export.trained import Trained
from bench.records.schema import FinishedRun
from bench.records.store import Store
from bench.runs.config import RunConfig
from bench.runs.execute import prepare_process
from bench.runs.run import run_one
from bench.shift import table as corruptions
from methods import load_method
from methods.backbones import load_backbone
from methods.core.backbone import ImageShape
from methods.core.likelihood import likelihood_for
from methods.core.method import Method
from methods.core.network import Problem

SHAPE = ImageShape(3, 8, 12)
FEW_CORRUPTIONS = ("brightness",)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    prepare_process()


def a_method(
    name: str, backbone: str, task: str = "classification", seed: int = 0, **settings: Any
) -> Method[Any]:
    """Untrained, in evaluation mode; all that training moves is random."""
    body = load_backbone(backbone).from_dict({"width": 16, "depth": 2})
    problem = Problem(shape=SHAPE, likelihood=likelihood_for(task, 3), backbone=body)
    method_type = load_method(name)
    method = method_type(problem, method_type.settings_type.from_dict(settings), seed=seed)
    torch.manual_seed(seed)
    settle(method)
    with torch.no_grad():
        for parameter_name, values in method.named_parameters():
            if "depth_logits" in parameter_name:
                values.normal_()
    return method


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a run of every method on digits: tiny networks of one epoch."""
    root = tmp_path_factory.mktemp("results")
    few = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}
    # Undone at once: the fixture outlives these tests, and other tests read the whole table.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corruptions, "CORRUPTIONS", few)
        _run_every_method(root)
    return root


def _run_every_method(root: Path) -> None:
    store = Store(root)
    for name in ("standard", "ensemble", "mc_dropout", "batch_ensemble", "sae"):
        config = RunConfig.from_dict(
            {
                "dataset": "digits",
                "method": {"name": name, "settings": {}},
                "backbone": {"name": "fc", "settings": {"width": 8, "depth": 2}},
                "training": {"epochs": 1},
                "seed": 0,
            }
        )
        device = torch.device("cpu")
        record, files = run_one(config, data=None, cache=root / ".cache", device=device)
        store.save(record, files)


@pytest.fixture(scope="session")
def records(results: Path) -> dict[str, FinishedRun]:
    """By method."""
    return {record.config.method.name: record for record in Store(results).finished()}


@pytest.fixture(scope="session")
def trained(results: Path, records: dict[str, FinishedRun]) -> Callable[[str], Trained]:
    @functools.cache
    def load(method: str) -> Trained:
        return Trained.load(Store(results), records[method], data=None, own=None)

    return load
