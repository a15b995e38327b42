"""Which device and which GPUs are used; there need not be one here."""

import pytest
import torch

from bench.errors import UserError
from bench.executors.device import default_device, default_workers, gpus, gpus_among


def test_the_device_auto_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for available, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda answer=available: answer)
        assert default_device("auto") == name
    assert default_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["nonsense", "", "cpu:x", "cuda:99"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(UserError, match=rf"--device {name}: not usable here \(.+\); try cpu"):
        default_device(name)


def test_elsewhere_the_device_is_taken_as_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_device("cuda", elsewhere=True) == "cuda"
    # What there is here says nothing of other machines.
    assert default_device("auto", elsewhere=True) == "cpu"


@pytest.mark.parametrize(
    ("device", "visible", "n_gpus", "expected"),
    [
        ("cuda", None, 2, ["0", "1"]),
        ("cuda", "", 1, ["0"]),
        ("cuda", "3,5", 2, ["3", "5"]),
        ("cuda", "GPU-8c,MIG-1f", 2, ["GPU-8c", "MIG-1f"]),
        ("cuda", "0,1,9", 2, ["0", "1"]),  # CUDA stops at the first that is not there
        ("cuda", None, 0, []),
        # Its number counts among all of them.
        ("cuda:1", None, 3, ["0,1,2"]),
        ("cuda:1", "3,5", 2, ["3,5"]),
    ],
)
def test_the_gpus_that_workers_share(
    device: str, visible: str | None, n_gpus: int, expected: list[str]
) -> None:
    assert gpus_among(device, visible, n_gpus) == expected


def test_one_worker_a_gpu_or_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr("joblib.cpu_count", lambda: 7)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert gpus("cuda") == ["4", "5", "6", "7"]
    assert gpus("cpu") == []
    assert [default_workers(name) for name in ("cuda", "cuda:2", "cpu")] == [4, 1, 7]


def test_gpu_is_another_word_for_cuda() -> None:
    assert default_device("gpu:1", elsewhere=True) == "cuda:1"
    assert default_device("gpu", elsewhere=True) == "cuda"
