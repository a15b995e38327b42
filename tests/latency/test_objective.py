"""One network's time for a search: the deployed network is what runs, and nothing else changes."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from export.conftest import a_method
from made_records import finished

from bench.data.dataset import Dataset, Split
from bench.data.table import DATASETS
from bench.deploy.export.runtimes import torch_run
from bench.deploy.export.trained import Trained
from bench.deploy.latency.measuring import Protocol, measured_at_once
from bench.records import measurements
from bench.training.inputs import Normalise


def a_dataset() -> Dataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 8, 12, 3)).astype(np.uint8)
    split = Split(images_BHWQ=images, y_B=np.arange(6) % 3)
    return Dataset(
        name="toy", task="classification", n_classes=3, train=split, val=split, test=split
    )


@pytest.mark.parametrize("name", ["sae", "mc_dropout"])
def test_both_times_of_the_deployed_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[int, ...]] = []
    original = torch_run

    def spy(network: torch.nn.Module) -> object:
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm1d)]
        assert norms == [], "the deployed network has none"
        run = original(network)

        def noted(images: npt.NDArray[np.uint8], keep: None) -> object:
            ran.append(images.shape)
            return run(images, keep)

        return noted

    monkeypatch.setattr("bench.deploy.latency.measuring.torch_run", spy)
    method = a_method(name, "fc")
    before = {key: values.clone() for key, values in method.state_dict().items()}
    trained = Trained(
        record=finished({}),
        method=method,
        dataset=a_dataset(),
        row=DATASETS["digits"],
        normalise=Normalise(a_dataset(), torch.device("cpu")),
    )
    found = measured_at_once(trained, Protocol(batch=5, rounds=9, memory=False))
    times = found["timings"]["eager"]
    assert set(times) == {"latency_ms", "image_ms"}
    assert all(median > 0 for median, _, _ in times.values())
    assert set(ran) == {(1, 8, 12, 3), (5, 8, 12, 3)}
    assert all(torch.equal(before[key], v) for key, v in method.state_dict().items())
    measured = {key for key in measurements.flat(found) if key in measurements.MEASURES}
    assert measured == set(measurements.AT_ONCE)
    assert (found["run_id"], found["machine"]["threads"]) == ("digits-standard-0123-s0", 1)
    assert found["protocol"] == {"threads": 1, "batch": 5, "rounds": 9, "memory": False}
