"""A setting on one line: its default, what it may be, and where searches and presets look.

Every configurable part (a method, a backbone, the training loop) is a frozen dataclass that
inherits :class:`Settings` and declares its fields with :func:`setting`.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

PRESETS = ("smoke", "quick", "paper")


@dataclass(frozen=True, kw_only=True)
class Space:
    """What one setting may be.

    Attributes:
        letter: its symbol in the paper and in labels; settings without one are rarely varied.
        at_least, above, at_most, below: hard limits (inclusive, exclusive, inclusive, exclusive).
        choices: the only values allowed, or () for any within the limits.
        search: (low, high) that a search explores, both inclusive; None = not searched. A name as
            ``high`` is a field of the backbone: its value bounds this one.
        log: whether a search explores it on a logarithmic scale.
        step: a search goes from low to high in such steps (whole numbers, not logarithmic).
        grids: the values that a preset enumerates; a preset without an entry uses the default.
    """

    letter: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    search: tuple[float, float | str] | None = None
    log: bool = False
    step: int = 1
    grids: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    def violation(self, value: Any) -> str | None:
        """The rule that ``value`` breaks, in words, or None."""
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(map(str, self.choices))}"
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        if self.at_least is not None and not value >= self.at_least:
            return f"must be >= {self.at_least:g}"
        if self.above is not None and not value > self.above:
            return f"must be > {self.above:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"must be <= {self.at_most:g}"
        if self.below is not None and not value < self.below:
            return f"must be < {self.below:g}"
        return None


def setting(
    default: Any,
    *,
    smoke: tuple[Any, ...] = (),
    quick: tuple[Any, ...] = (),
    paper: tuple[Any, ...] = (),
    **space: Any,
) -> Any:
    """Declare a dataclass field with its :class:`Space` and the grids of the presets."""
    grids = {"smoke": smoke, "quick": quick, "paper": paper}
    grids = {preset: values for preset, values in grids.items() if values}
    return dataclasses.field(default=default, metadata={"space": Space(grids=grids, **space)})


class Settings:
    """Base of every settings dataclass: checks itself, reads itself from text or JSON.

    Raises:
        ValueError: a value of the wrong type or outside its limits, or an unknown key.
    """

    def __post_init__(self) -> None:
        types = field_types(type(self))
        for name, space in spaces(type(self)).items():
            value = getattr(self, name)
            _check_type(f"{type(self).owner()}.{name}", value, types[name])
            rule = space.violation(value)
            if rule:
                raise ValueError(f"{type(self).owner()}.{name}={value}: {rule}")
            if types[name] is float:
                # 5 and 5.0 are equal: they have to be the same text in JSON, and so one identity.
                object.__setattr__(self, name, float(value))

    @classmethod
    def owner(cls) -> str:
        """The name that messages and ``--set`` use for this group: its file's name."""
        return cls.__module__.rpartition(".")[2]

    def as_dict(self) -> dict[str, Any]:
        """All fields with their values, JSON-ready, in declaration order."""
        return {name: getattr(self, name) for name in spaces(type(self))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`; a missing key takes its default."""
        unknown = sorted(set(values) - set(spaces(cls)))
        if unknown:
            choices = ", ".join(spaces(cls)) or "none"
            raise ValueError(f"{cls.owner()}.{unknown[0]}: unknown setting; choices: {choices}")
        return cls(**values)


# What a method is generic in: its own settings.
SettingsT = TypeVar("SettingsT", bound=Settings)


def spaces(cls: type[Settings]) -> dict[str, Space]:
    """The declared space of each field of ``cls``, in declaration order."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # the subclasses are dataclasses
    return {field.name: field.metadata["space"] for field in fields}


def label(settings: Settings) -> str:
    """A short text for legends: lettered settings, and others that differ from their default."""
    words = []
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value, space = getattr(settings, field.name), field.metadata["space"]
        # A search sets numbers of 16 digits, which no table has room for.
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        if space.letter:
            words.append(f"{space.letter}={text}")
        elif value != field.default:
            words.append(f"{field.name}={text}")
    return " ".join(words)


def field_types(cls: type[Settings]) -> dict[str, type]:
    """The type of each field: bool, int, float or str."""
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in spaces(cls)}


def parse(cls: type[Settings], name: str, text: str) -> Any:
    """The value of field ``name`` of ``cls`` written as ``text`` on a command line.

    Raises:
        ValueError: the text is not of the field's type or breaks its rule.
    """
    kind = field_types(cls)[name]
    where = f"{cls.owner()}.{name}={text}"
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{where}: must be true or false")
        return text.lower() == "true"
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{where}: must be a value of type {kind.__name__}") from None
    rule = spaces(cls)[name].violation(value)
    if rule:
        raise ValueError(f"{where}: {rule}")
    return value


def _check_type(where: str, value: Any, kind: type) -> None:
    # bool is an int to Python, and 1 is a fine float: only the first is a mistake.
    accepted = (int, float) if kind is float else (kind,)
    if isinstance(value, accepted) and (kind is bool or not isinstance(value, bool)):
        return
    raise ValueError(f"{where}={value!r}: must be a value of type {kind.__name__}")
