"""One run from Python: `bench.run`."""

from collections.abc import Mapping
from pathlib import Path

from bench.cli.run_options import registered
from bench.data.table import find
from bench.data.task import Task
from bench.deploy.export import choosing
from bench.errors import UserError
from bench.executors.device import default_device
from bench.records.schema import FILES, FinishedRun
from bench.records.store import Reader
from bench.runs.leftovers import in_use
from bench.runs.plan import Request, plan
from bench.runs.settings import SweepSettings
from bench.runs.sweep import check_fit, run_missing, unavailable
from methods import METHODS
from methods.backbones import BACKBONES


def run(
    method: str | Path,
    dataset: str | Path = "digits",
    *,
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
    backbone: str | Path | None = None,
    task: Task | None = None,
    results: str | Path = "results",
    data: str | Path | None = None,
    device: str = "auto",
) -> FinishedRun:
    """One run in this process, or its record where the results folder has it.

    Args:
        method: a name, or a file.
        dataset: a name, or the path of data of one's own.
        settings: instead of the defaults, for example ``{"epochs": 5, "n_inputs": 2}``.
        seed: the run's seed.
        backbone: a name or a file; None: the data set's own.
        task: of data of one's own.
        results: the results folder.
        data: the data folder; None: ``SAE_BENCH_DATA``, else medmnist's own.
        device: "auto", "cpu", "cuda", ...

    Returns:
        The record: ``run_id``, ``metrics``, ``cost``, ``history`` and more.

    Raises:
        UserError: bad input, or a run that fails.
    """
    row = find(str(dataset), task=task)
    configs = plan(
        Request(
            datasets=[row],
            methods=[registered(METHODS, str(method))],
            seeds=[seed],
            preset=None,
            backbone=None if backbone is None else registered(BACKBONES, str(backbone)),
            assignments=[f"{key}={value}" for key, value in (settings or {}).items()],
        )
    )
    if len(configs) != 1:
        raise UserError(f"settings={settings}: one run has one value of each; see bench.compare")
    sweep = SweepSettings(
        results=Path(results),
        data=None if data is None else Path(data),
        device=default_device(device),
        rows={row.name: row},
    )
    unavailable([row], sweep, required=True)
    check_fit(configs, sweep)
    with in_use(sweep.results):
        run_missing(configs, sweep, 0, retry_failed=True)
    return choosing.named(Reader(sweep.results, checked=FILES), configs[0].run_id)
