"""What a search varies: the fields that declare a range, on one dataset, method and backbone.

A point is a mapping from names like "sae.n_inputs" and "fc.width" to values; all other settings are
those of the preset. Ranges stand beside each field's default (``methods.core.space.setting``).
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from bench.data.table import DatasetRow
from bench.errors import as_user_error
from bench.runs.config import RunConfig
from bench.runs.plan import Range, asked_values, groups_of, row_grid
from methods import load_method
from methods.core.space import Settings, Space, field_types, spaces

Params = Mapping[str, int | float | str]

# A method's own lettered settings of so few values make the cells of the first design (N x K).
MOST_VALUES_IN_CELLS = 8


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The points of one search.

    Attributes:
        distributions: what is varied, by "<group>.<field>".
        fixed: the other settings, by group and field, where they are not the defaults.
        levels: the values of those whose distribution is over their numbers in order, 0, 1, ...:
            of 1e-4, 1e-3, 1e-2 the middle one lies between the others.
    """

    dataset: str
    method: str
    backbone: str
    distributions: dict[str, BaseDistribution]
    fixed: dict[tuple[str, str], Any]
    levels: dict[str, Sequence[int | float]] = dataclasses.field(default_factory=dict)

    def config(self, params: Params, *, seed: int) -> RunConfig:
        """The run of a point.

        Raises:
            ValueError: the settings do not fit each other (K > D).
        """
        groups = groups_of([self.method], [self.backbone])

        def settings(owner: str) -> Any:
            mine = {field: value for (group, field), value in self.fixed.items() if group == owner}
            found = {
                name.partition(".")[2]: self._value(name, value)
                for name, value in params.items()
                if name.partition(".")[0] == owner
            }
            return groups[owner](**{**mine, **found})

        return RunConfig(
            dataset=self.dataset,
            method=self.method,
            settings=settings(self.method),
            backbone=self.backbone,
            backbone_settings=settings(self.backbone),
            training=settings("train"),
            seed=seed,
        )

    def params(self, config: RunConfig) -> dict[str, Any]:
        """The point of a run: the inverse of :meth:`config`."""
        groups = {
            self.method: config.settings,
            self.backbone: config.backbone_settings,
            "train": config.training,
        }
        found = {
            name: getattr(groups[owner], field)
            for name in self.distributions
            for owner, _, field in [name.partition(".")]
        }
        return {
            name: self.levels[name].index(value) if name in self.levels else value
            for name, value in found.items()
        }

    def _value(self, name: str, param: int | float | str) -> int | float | str:
        return self.levels[name][int(param)] if name in self.levels else param

    def all_points(self, most: int) -> list[dict[str, Any]]:
        """Every point, or none where there are more than ``most``."""
        columns = {name: _values(dist) for name, dist in self.distributions.items()}
        sizes = [len(values) for values in columns.values()]
        return _product(columns) if all(sizes) and math.prod(sizes) <= most else []

    def cells(self) -> list[dict[str, Any]]:
        """Every combination of the method's lettered whole numbers: N x K, or M.

        A first design that leaves some of them out would leave holes in the heatmaps.
        """
        letters = spaces(load_method(self.method).settings_type)
        columns = {
            name: values
            for name, distribution in self.distributions.items()
            if name.partition(".")[0] == self.method
            and letters[name.partition(".")[2]].letter
            and 0 < len(values := _values(distribution)) <= MOST_VALUES_IN_CELLS
        }
        return _product(columns)


def search_space(
    row: DatasetRow,
    method: str,
    *,
    preset: str | None,
    backbone: str | None = None,
    assignments: Iterable[str] = (),
    methods: Iterable[str] = (),
) -> SearchSpace:
    """The space of a method on a dataset.

    Where a preset enumerates a field, its smallest and largest value bound the search too, so that
    a search costs about as much a run as the preset's comparison.

    Args:
        row: the dataset.
        method: its name.
        preset: gives what is not searched; "paper" searches the whole declared ranges.
        backbone: instead of the dataset's own.
        assignments: as for ``--set``; one value fixes a field, several become its choices (numbers
            in their order), a range is searched, on a logarithmic scale where the field is.
        methods: all methods of the request, whose settings ``assignments`` may name.
    """
    backbone = backbone or row.backbone
    with as_user_error():
        asked = asked_values(list(assignments), [*methods] or [method], [backbone])
    grids = row_grid(row, preset, [method], backbone)
    groups = groups_of([method], [backbone])
    made = SearchSpace(
        dataset=row.name, method=method, backbone=backbone, distributions={}, fixed={}, levels={}
    )
    # The backbone first: its depth bounds K.
    for owner in (backbone, method, "train"):
        for field, space in spaces(groups[owner]).items():
            key = (owner, field)
            explored = key != (backbone, "depth") or load_method(method).explores_depth
            if not explored and key not in asked:
                continue
            grid = grids.get(key, space.grids.get(preset or "", ()))
            wanted = asked.get(key, grid)
            if key not in asked and space.search is not None and len(grid) != 1:
                depth = _deepest(made, groups[backbone])
                wanted = _bounds(space, () if preset == "paper" else grid, depth)
            _add(made, key, wanted, space, field_types(groups[owner])[field])
    return made


def _add(
    made: SearchSpace, key: tuple[str, str], wanted: Sequence[Any] | Range, space: Space, kind: type
) -> None:
    """Vary a field over a range or named values (several numbers in their order), or fix it."""
    name = ".".join(key)
    if isinstance(wanted, Range):
        low, high = kind(wanted.low), kind(wanted.high)
        if low == high:
            made.fixed[key] = low
        elif kind is int:
            made.distributions[name] = IntDistribution(low, high, log=space.log, step=space.step)
        else:
            made.distributions[name] = FloatDistribution(low, high, log=space.log)
    elif len(wanted) == 1:
        made.fixed[key] = wanted[0]
    elif wanted and all(isinstance(v, int | float) and not isinstance(v, bool) for v in wanted):
        made.levels[name] = sorted(wanted)
        made.distributions[name] = IntDistribution(0, len(wanted) - 1)
    elif wanted:
        made.distributions[name] = CategoricalDistribution(tuple(wanted))


def _bounds(space: Space, grid: Sequence[Any], depth: int) -> Range:
    """The declared range, within what a preset's grid spans; a name is the backbone's depth."""
    assert space.search is not None
    low, high = space.search
    if isinstance(high, str):
        assert high == "depth", "the one field of a backbone that bounds another"
        return Range(low=low, high=depth)
    if grid:
        low, high = max(low, min(grid)), min(high, max(grid))
    return Range(low=low, high=high)


def _deepest(made: SearchSpace, backbone: type[Settings]) -> int:
    """The largest D of a search."""
    name = f"{made.backbone}.depth"
    if name in made.levels:
        return int(made.levels[name][-1])
    if isinstance(varied := made.distributions.get(name), IntDistribution):
        return varied.high
    return int(made.fixed.get((made.backbone, "depth"), getattr(backbone(), "depth", 0)))


def _product(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    points = itertools.product(*columns.values())
    return [dict(zip(columns, point, strict=True)) for point in points]


def _values(distribution: BaseDistribution) -> list[Any]:
    """All values of a distribution over whole numbers or choices; none of another one."""
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return []
