"""What became of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        run_id: of the run.
        status: "done" or "failed" (recorded), or "busy" (another process has it).
        unmeasured: why its speed could not be measured, where a search wants it.
    """

    run_id: str
    status: Literal["done", "failed", "busy"]
    unmeasured: str | None = None


# Makes a run that is missing, as `bench.runs.execute.run_and_store` does.
Run = Callable[..., Outcome]
