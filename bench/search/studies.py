"""From what a user asked to search to one plan for each dataset and method."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.data.dataset import Dataset
from bench.data.table import DatasetRow, find
from bench.errors import UserError
from bench.records.costs import COSTS
from bench.records.measurements import AT_ONCE
from bench.runs.environment import processor
from bench.runs.loaded import dataset_of
from bench.runs.plan import Request, plan
from bench.runs.settings import SweepSettings
from bench.runs.sweep import require_same_data, unavailable
from bench.search.constraints import Constraints
from bench.search.design import first_design
from bench.search.objectives import Bounds, objectives_for
from bench.search.space import Params, SearchSpace, search_space
from bench.search.trials import ENUMERATE, Plan
from methods import load_method
from methods.core.seeding import derive_seed

_log = logging.getLogger(__name__)

Budget = Literal["equal", "paper"]

# Far from the seeds that anyone counts.
SECOND_SEED = 1000


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search as it is asked for.

    Attributes:
        request: datasets, methods, preset, backbone and settings; its seeds are the final ones.
        n_trials: for each method on each dataset.
        core_seconds: for each method on each dataset; None: no limit.
        most_finalists: configurations of a method on a dataset that are tested.
        budget: "equal": all methods are searched with ``n_trials``; "paper": those that the paper
            enumerates take the preset's grid instead.
        batch: points that are proposed together.
        seed: of the search, not one of the final ones.
        storage: URL of a database; None: a journal file in the results folder.
        costs: what is minimised beside the metrics, of `bench.search.objectives.CHOICES`.

    Raises:
        UserError: a number out of its range, or a search seed among the final ones.
    """

    request: Request
    n_trials: int
    core_seconds: float | None = None
    most_finalists: int = 24
    sampler: str
    budget: Budget
    batch: int
    bounds: Bounds
    seed: int
    storage: str | None
    costs: Sequence[str] = COSTS

    @property
    def is_measured(self) -> bool:
        """Whether networks are timed, one after another."""
        return not set(self.costs).isdisjoint(AT_ONCE)

    @property
    def second_seed(self) -> int:
        """Contenders are trained on it too, and judged on validation."""
        return self.seed + SECOND_SEED

    @property
    def rows(self) -> list[DatasetRow]:
        """The datasets."""
        return [find(row) if isinstance(row, str) else row for row in self.request.datasets]

    def __post_init__(self) -> None:
        for option, count in (
            ("trials", self.n_trials), ("batch", self.batch), ("finalists", self.most_finalists),
        ):  # fmt: skip
            if count < 1:
                raise UserError(f"--{option} {count}: must be >= 1")
        if self.core_seconds is not None and not self.core_seconds > 0:
            raise UserError(f"--budget-core-seconds {self.core_seconds:g}: must be above 0")
        if self.second_seed in self.request.seeds:
            raise UserError(
                f"--seeds {self.second_seed}: is the second search seed, on which is chosen; "
                "name others"
            )
        if self.seed in self.request.seeds:
            raise UserError(
                f"--search-seed {self.seed}: must not be one of --seeds "
                f"{','.join(map(str, self.request.seeds))}: what is chosen on a seed has to be "
                "tested on others"
            )


def plans(search: Search, sweep: SweepSettings) -> list[Plan]:
    """A plan for each dataset and method."""
    return [
        _plan(search, sweep, row, method)
        for row in search.rows
        for method in search.request.methods
    ]


def available(search: Search, sweep: SweepSettings, *, required: bool) -> tuple[Search, list[str]]:
    """The search on the datasets that can be had, and a note on each of the others."""
    skipped = unavailable(search.rows, sweep, required=required)
    rows = [row for row in search.rows if row.name not in skipped]
    request = dataclasses.replace(search.request, datasets=rows)
    notes = [f"skipped {name}: {reason}" for name, reason in skipped.items()]
    return dataclasses.replace(search, request=request), notes


def _plan(search: Search, sweep: SweepSettings, row: DatasetRow, method: str) -> Plan:
    request = search.request
    space = search_space(
        row,
        method,
        preset=request.preset,
        backbone=request.backbone,
        assignments=request.assignments,
        methods=request.methods,
    )
    dataset = dataset_of(sweep, row.name)
    require_same_data(sweep.reader, dataset)
    feasible = Constraints(space, dataset, search.bounds)
    sampler, design = _start(search, row, method, space, feasible)
    made = Plan(
        space=space,
        objectives=objectives_for(row.task, search.costs),
        design=design,
        sampler=sampler,
        batch=search.batch,
        n_trials=len(design) if sampler == ENUMERATE else search.n_trials,
        core_seconds=None if sampler == ENUMERATE else search.core_seconds,
        seed=_seed(search, row, method),
        run_seed=search.seed,
        feasible=feasible,
    )
    facts = _facts(search, dataset, method, made)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return dataclasses.replace(made, name=f"{row.name}-{method}-{digest}", facts=facts)


def _facts(search: Search, dataset: Dataset, method: str, made: Plan) -> dict[str, Any]:
    """All that what is found depends on."""
    space, objectives = made.space, made.objectives
    facts = {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "method": method,
        "space": {name: str(dist) for name, dist in space.distributions.items()},
        "fixed": {".".join(key): value for key, value in space.fixed.items()},
        "reference": space.config(made.design[0], seed=search.seed).as_dict(),
        "objectives": [objective.key for objective in objectives],
        "sampler": made.sampler,
        "batch": search.batch,
        "bounds": [search.bounds.flops, search.bounds.params],
        "seed": search.seed,
    }
    if space.levels:
        facts["levels"] = dict(space.levels)
    if any(objective.is_measured for objective in objectives):
        # Times of two machines do not compare: on another one it is another search.
        facts["measured_on"] = processor()
    return facts


def _start(
    search: Search, row: DatasetRow, method: str, space: SearchSpace, feasible: Constraints
) -> tuple[str, Sequence[Params]]:
    """What proposes points, and the points before it: all of them where nothing is proposed."""
    if search.budget == "paper" and load_method(method).enumerated_in_paper:
        return ENUMERATE, _grid(search, method, row, space, feasible)
    if few := space.all_points(search.n_trials):
        return ENUMERATE, _allowed(few, feasible, f"{method} on {row.name}")
    n_cells = len(space.cells())
    if search.n_trials < n_cells:
        _log.warning(
            "%s on %s: %d trials leave out some of its %d cells; --trials %d covers them",
            method, row.name, search.n_trials, n_cells, n_cells,
        )  # fmt: skip
    return search.sampler, first_design(
        space.distributions,
        space.cells(),
        n=max(n_cells, 2 * len(space.distributions) + 2),
        seed=_seed(search, row, method),
        feasible=feasible,
    )


def _seed(search: Search, row: DatasetRow, method: str) -> int:
    return derive_seed(search.seed, "search", row.name, method)


def _grid(
    search: Search, method: str, row: DatasetRow, space: SearchSpace, feasible: Constraints
) -> list[Params]:
    """The points that the preset enumerates, instead of a search."""
    configs = plan(dataclasses.replace(search.request, datasets=[row], seeds=[search.seed]))
    points = [space.params(config) for config in configs if config.method == method]
    return _allowed(points, feasible, f"{method} on {row.name}")


def _allowed(points: Sequence[Params], feasible: Constraints, where: str) -> list[Params]:
    allowed = [point for point in points if feasible(point)]
    if not allowed:
        raise UserError(
            f"{where}: none of {len(points)} configurations is within --max-flops and "
            "--max-params; raise them"
        )
    return allowed
