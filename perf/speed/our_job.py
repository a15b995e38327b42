"""Our side of the whole job: bench's own plan and workers, test images and corruptions left out.

The stage is that of a search, which sees validation alone; everything else is what
``bench.compare`` does, from the order of its imports to the end of its process: records, weights,
predictions and locks included.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.console import command
from bench.executors import fork_server
from perf.speed.job import Answer, Job, answer_command_line


def run(job: Job) -> Answer:
    """Plan, execute, and read the records."""
    fork_server.start()  # imports in the order of bench.compare
    from bench.records.schema import FinishedRun
    from bench.runs.execute import execute
    from bench.runs.settings import SweepSettings
    from perf.speed.problems import configs

    with tempfile.TemporaryDirectory() as folder:
        context = SweepSettings(results=Path(folder), data=None, device="cpu", stage="search")
        runs = configs(job.problem, epochs=job.epochs, seeds=job.seeds)
        outcomes = list(execute(runs, context, workers=job.workers))
        assert [outcome.status for outcome in outcomes] == ["done"] * len(runs)
        records = [context.store.load(config.run_id) for config in runs]
        return [record.metrics.val for record in records if isinstance(record, FinishedRun)]


if __name__ == "__main__":
    command.run(lambda: answer_command_line(run))
