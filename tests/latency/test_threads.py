"""The number of threads is the caller's again."""

import os

import pytest
import torch

from bench.deploy.latency.threads import threads


@pytest.mark.parametrize("before", [None, "1"])
def test_threads_are_put_back(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", before)
    n_before = torch.get_num_threads()
    seen: list[tuple[int, str]] = []

    def measures_and_fails() -> None:
        with threads(n_before + 2):
            seen.append((torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]))
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        measures_and_fails()
    assert seen == [(n_before + 2, str(n_before + 2))]
    assert torch.get_num_threads() == n_before
    assert os.environ.get("OMP_NUM_THREADS") == before
