"""From names, a preset and overrides to the list of runs."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.data.table import DatasetRow, find
from bench.errors import UserError, as_user_error, did_you_mean, unknown
from bench.runs.config import RunConfig
from bench.runs.presets import PRESETS
from bench.training.settings import TrainingSettings
from methods import load_method
from methods.backbones import load_backbone
from methods.core.backbone import BackboneSettings
from methods.core.space import Settings, parse, spaces

# What --set asked for: (owner, key) -> the values to enumerate.
Overrides = Mapping[tuple[str, str], tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Range:
    """All values between two, both included: ``learning_rate=1e-4..1e-2``."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Request:
    """A comparison as it is asked for, names checked by :func:`plan`.

    Attributes:
        datasets: names of the table, or rows (of one's own data).
        preset: whose grids the settings take; None: every setting has its default.
        backbone: instead of each dataset's own, or None.
        assignments: ``key=value`` texts; see :func:`overrides`.
    """

    datasets: Sequence[str | DatasetRow]
    methods: Sequence[str]
    seeds: Sequence[int]
    preset: str | None
    backbone: str | None = None
    assignments: Sequence[str] = ()


def plan(request: Request) -> list[RunConfig]:
    """All runs of a request: every method's grid on every dataset, seed by seed.

    Raises:
        UserError: an unknown name, key or value, or settings that do not fit each other.
    """
    if request.preset is not None and request.preset not in PRESETS:
        raise unknown("preset", request.preset, PRESETS)
    rows = [find(dataset) if isinstance(dataset, str) else dataset for dataset in request.datasets]
    with as_user_error():
        backbones = {row.name: request.backbone or row.backbone for row in rows}
        asked = overrides(request.assignments, request.methods, set(backbones.values()))
        grids = {
            row.name: row_grid(row, request.preset, request.methods, backbones[row.name])
            for row in rows
        }
        return [
            RunConfig(dataset=dataset, seed=seed, backbone=backbones[dataset], **parts)
            for dataset in backbones
            for seed in request.seeds
            for method in request.methods
            for parts in _grid(method, backbones[dataset], request.preset, asked, grids[dataset])
        ]


def _grid(
    method: str, backbone: str, preset: str | None, asked: Overrides, row_grid: Overrides
) -> Iterator[dict[str, Any]]:
    """The settings of every run of one method on one backbone.

    Points of a preset's grid that do not fit (K > D) are left out; a value that the user asked for
    and that fits nowhere is an error.
    """
    kind, body = load_method(method), load_backbone(backbone)
    # A method whose exits cover the depths is not run on shallower copies of the backbone.
    frozen = () if kind.explores_depth else ("depth",)
    values = {**row_grid, **asked}
    points = list(
        itertools.product(
            _points(body, backbone, preset, values, frozen),
            _points(kind.settings_type, method, preset, values),
            _points(TrainingSettings, "train", preset, values),
        )
    )
    fitting, misfit = [], None
    for point in points:
        try:
            kind.check(point[1], point[0])
        except ValueError as error:
            misfit = misfit or error
        else:
            fitting.append(point)
    for (owner, key), wanted in asked.items():
        column = {backbone: 0, method: 1, "train": 2}.get(owner)
        if column is None or misfit is None:
            continue
        if not set(wanted) <= {getattr(point[column], key) for point in fitting}:
            raise UserError(str(misfit))
    for backbone_settings, settings, training in fitting:
        yield {
            "method": method,
            "settings": settings,
            "backbone_settings": backbone_settings,
            "training": training,
        }


def _points(
    kind: type[Any], owner: str, preset: str | None, asked: Overrides, frozen: Iterable[str] = ()
) -> list[Any]:
    """The grid of one settings class: its preset's values, what was asked for instead."""
    defaults: Settings | BackboneSettings = kind()
    columns = []
    for name, space in spaces(kind).items():
        default = (getattr(defaults, name),)
        grid = default if name in frozen else space.grids.get(preset or "", default)
        columns.append(asked.get((owner, name), grid))
    return [
        kind(**dict(zip(spaces(kind), values, strict=True)))
        for values in itertools.product(*columns)
    ]


def overrides(
    assignments: Sequence[str], methods: Sequence[str], backbones: Iterable[str]
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Read ``--set`` texts: ``epochs=5``, ``sae.n_inputs=2,3``, ``width=32,64``.

    A bare key goes to every group that has it; a comma enumerates.

    Raises:
        UserError: no such key (names the choices), a value that breaks its rule, or a range.
    """
    found = asked_values(assignments, methods, backbones)
    for (owner, name), values in found.items():
        if isinstance(values, Range):
            raise UserError(
                f"--set {owner}.{name}={values.low:g}..{values.high:g}: a range can only be "
                f"searched (bench.search); name values, for example {name}="
                f"{values.low:g},{values.high:g}"
            )
    return {key: values for key, values in found.items() if not isinstance(values, Range)}


def asked_values(
    assignments: Sequence[str], methods: Sequence[str], backbones: Iterable[str]
) -> dict[tuple[str, str], tuple[Any, ...] | Range]:
    """Read what `overrides` reads, and ranges ``low..high`` of numbers."""
    groups = groups_of(methods, backbones)
    found: dict[tuple[str, str], tuple[Any, ...] | Range] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not text:
            raise UserError(f"--set {assignment}: must be key=value or key=value,value")
        group, _, name = key.rpartition(".")
        owners = [
            owner for owner, kind in groups.items() if name in spaces(kind) and group in {"", owner}
        ]
        if not owners:
            choices = [f"{o}.{n}" for o, kind in groups.items() for n in spaces(kind)]
            near = did_you_mean(key, [*choices, *(each.partition(".")[2] for each in choices)])
            raise UserError(
                f"--set {assignment}: unknown key {key!r}; choices: {', '.join(choices)}{near}"
            )
        for owner in owners:
            if ".." in text:
                found[owner, name] = _range(groups[owner], name, text)
                continue
            values = (parse(groups[owner], name, word) for word in text.split(","))
            found[owner, name] = tuple(dict.fromkeys(values))
    return found


def _range(kind: type[Settings], name: str, text: str) -> Range:
    low_text, _, high_text = text.partition("..")
    low, high = parse(kind, name, low_text), parse(kind, name, high_text)
    where = f"--set {kind.owner()}.{name}={text}"
    if not isinstance(low, int | float) or isinstance(low, bool):
        raise UserError(f"{where}: only numbers have a range; name the values with commas")
    if not low < high:
        raise UserError(f"{where}: must be low..high with low < high")
    return Range(low=low, high=high)


def groups_of(methods: Sequence[str], backbones: Iterable[str]) -> dict[str, type[Settings]]:
    """The settings of a request by the name of their group."""
    groups: dict[str, type[Settings]] = {"train": TrainingSettings}
    groups |= {name: load_backbone(name) for name in sorted(backbones)}
    return groups | {name: load_method(name).settings_type for name in methods}


def row_grid(
    row: DatasetRow, preset: str | None, methods: Sequence[str], backbone: str
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Settings of a preset in a dataset's row that concern these methods and this backbone."""
    groups = groups_of(methods, [backbone])
    mine = [text for text in row.preset_settings(preset) if text.partition(".")[0] in groups]
    return overrides(mine, methods, [backbone])
