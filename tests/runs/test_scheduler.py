"""The workers of a running Dask scheduler, plain and with certificates."""

import gc
import os
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import dask
import pytest
import torch
from distributed import LocalCluster
from distributed.security import Security

from bench.errors import UserError
from bench.executors.cluster import remote
from bench.records.store import Store
from bench.runs.execute import engine, execute
from bench.runs.run import run_one
from bench.runs.settings import SweepSettings
from runs.tiny_runs import config, folder_bytes, without_circumstances

PATIENCE_S = 120.0

# Dask leaves sockets to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def no_socket_is_left_to_other_tests() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with two workers, one of which offers a (made-up) GPU."""
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", resources={"GPU": 1}
    ) as nodes:
        yield nodes.scheduler_address


def in_threads(**options: Any) -> LocalCluster:
    """A scheduler whose worker is a thread of this process, at an address all the same."""
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", processes=False,
        **options,
    )  # fmt: skip


def test_a_running_scheduler_is_used_and_left_running(
    address: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SweepSettings(results=Path("results"), data=None, device="cuda", stage="search")
    monkeypatch.chdir(results.parent)
    chosen = config("sae", n_inputs=2, n_exits=2)
    # No worker has a GPU: what counts here is that the run was made there, and recorded.
    with engine(context, workers=0, scheduler=address) as there:
        assert there.slots == 1
        assert there.submit(chosen).result(PATIENCE_S).status == "failed"
    on_cpu = SweepSettings(results=Path("results"), data=None, device="cpu", stage="search")
    (store := Store(results / "search")).remove(chosen.run_id)
    found = list(execute([chosen], on_cpu, workers=0, scheduler=address))
    assert [outcome.status for outcome in found] == ["done"]
    record, files = run_one(
        chosen, data=None, cache=results / ".cache", device=torch.device("cpu"), stage="search"
    )
    stored = store.load(chosen.run_id)
    assert stored is not None
    assert folder_bytes(store.folder(chosen.run_id)) == files
    assert without_circumstances(stored) == without_circumstances(record)
    with remote(address, uses_gpu=False) as again:
        assert again.call(os.getpid) != os.getpid()


def test_what_needs_a_gpu_waits_for_a_worker_that_has_one() -> None:
    with (
        in_threads(protocol="tcp") as nodes,
        ThreadPoolExecutor(1) as threads,
    ):
        with remote(nodes.scheduler_address, uses_gpu=True) as asks:
            assert asks.slots == 0
            call = threads.submit(asks.call, os.getpid)
            assert wait([call], timeout=0.5).not_done == {call}
        with pytest.raises(CancelledError):
            call.result(PATIENCE_S)


def test_a_scheduler_with_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    security = Security.temporary()  # type: ignore[no-untyped-call]
    files = {}
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        files[name] = str(tmp_path / name)
        Path(files[name]).write_text(getattr(security, name))
    # As the documented environment variables DASK_DISTRIBUTED__COMM__TLS__... set them.
    ours = {
        "distributed.comm.tls.ca-file": files["tls_ca_file"],
        "distributed.comm.tls.client.cert": files["tls_client_cert"],
        "distributed.comm.tls.client.key": files["tls_client_key"],
    }
    with in_threads(protocol="tls", security=security) as nodes:
        assert nodes.scheduler_address.startswith("tls://")
        with dask.config.set(ours), remote(nodes.scheduler_address, uses_gpu=False) as cluster:
            assert cluster.call(os.getpid) == os.getpid()
        with pytest.raises(UserError, match="no Dask scheduler answers there"):
            remote(nodes.scheduler_address, uses_gpu=False).__enter__()
