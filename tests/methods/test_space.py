import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import pytest

from methods import load_method, method_names
from methods.backbones import backbone_names, load_backbone
from methods.core.space import PRESETS, Settings, field_types, label, parse, setting, spaces


@dataclass(frozen=True, kw_only=True)
class ExampleSettings(Settings):
    count: int = setting(2, letter="N", at_least=1, search=(1, 4), smoke=(1, 2), paper=(1, 2, 3))
    share: float = setting(0.5, at_least=0.0, at_most=1.0)
    rate: float = setting(0.1, above=0.0, below=1.0, search=(0.01, 0.5), log=True)
    kind: str = setting("one", choices=("one", "K"))
    early: bool = setting(True)


OWNER = "test_space"
EVERY_SETTINGS_TYPE: list[type[Settings]] = [
    *[load_method(name).settings_type for name in method_names()],
    *[load_backbone(name) for name in backbone_names()],
]
every_settings_type = pytest.mark.parametrize(
    "settings_type", EVERY_SETTINGS_TYPE, ids=lambda cls: cls.owner()
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count=0: must be >= 1"),
        ({"share": -0.25}, "share=-0.25: must be >= 0"),
        ({"share": 1.5}, "share=1.5: must be <= 1"),
        ({"rate": 0.0}, "rate=0.0: must be > 0"),
        ({"rate": 1.0}, "rate=1.0: must be < 1"),
        ({"kind": "two"}, "kind=two: must be one of one, K"),
        ({"share": math.nan}, "share=nan: must be a finite number"),
        ({"rate": math.inf}, "rate=inf: must be a finite number"),
        ({"count": 1.0}, "count=1.0: must be a value of type int"),
        ({"count": True}, "count=True: must be a value of type int"),
        ({"share": True}, "share=True: must be a value of type float"),
        ({"share": "0.5"}, "share='0.5': must be a value of type float"),
        ({"early": 1}, "early=1: must be a value of type bool"),
        ({"kind": None}, "kind=None: must be a value of type str"),
    ],
)
def test_a_bad_value_is_named_with_its_rule(values: dict[str, Any], message: str) -> None:
    for make in (ExampleSettings, lambda **given: ExampleSettings.from_dict(given)):
        with pytest.raises(ValueError, match=f"^{OWNER}.") as caught:
            make(**values)
        assert str(caught.value) == f"{OWNER}.{message}"


@pytest.mark.parametrize(
    "values", [{"count": 1}, {"share": 0.0}, {"share": 1.0}, {"share": 1}, {"kind": "K"}]
)
def test_limits_are_inclusive_where_they_say_so(values: dict[str, Any]) -> None:
    made = ExampleSettings.from_dict(values)
    assert {**ExampleSettings().as_dict(), **values} == made.as_dict()


def test_the_same_value_is_written_the_same() -> None:
    # A run is identified by the JSON of its settings: 1 and 1.0 must not be two runs.
    as_int, as_float = ExampleSettings(share=1), ExampleSettings(share=1.0)
    assert json.dumps(as_int.as_dict()) == json.dumps(as_float.as_dict())


def test_settings_are_frozen_and_keyword_only() -> None:
    settings = ExampleSettings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.count = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        ExampleSettings(3)  # type: ignore[call-arg]


def test_unknown_setting_names_it_and_the_choices() -> None:
    with pytest.raises(ValueError, match=r"test_space\.size: unknown.*count, share, rate, kind"):
        ExampleSettings.from_dict({"count": 1, "size": 3})


def test_missing_setting_takes_its_default() -> None:
    made = ExampleSettings.from_dict({"count": 3})
    assert made == ExampleSettings(count=3)
    assert made.rate == 0.1


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "3", 3),
        ("share", "1", 1.0),
        ("rate", "1e-2", 0.01),
        ("kind", "K", "K"),
        ("early", "false", False),
        ("early", "True", True),
    ],
)
def test_parse(name: str, text: str, value: Any) -> None:
    parsed = parse(ExampleSettings, name, text)
    assert parsed == value
    assert type(parsed) is field_types(ExampleSettings)[name]


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("count", "1.5", "must be a value of type int"),
        ("count", "many", "must be a value of type int"),
        ("count", "0", "must be >= 1"),
        ("share", "half", "must be a value of type float"),
        ("share", "nan", "must be a finite number"),
        ("rate", "inf", "must be a finite number"),
        ("rate", "1", "must be < 1"),
        ("kind", "two", "must be one of one, K"),
        ("early", "1", "must be true or false"),
    ],
)
def test_parse_names_the_text_and_the_rule(name: str, text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^{OWNER}.") as caught:
        parse(ExampleSettings, name, text)
    assert str(caught.value) == f"{OWNER}.{name}={text}: {rule}"


def test_space_of_a_field() -> None:
    space = spaces(ExampleSettings)["count"]
    assert (space.letter, space.at_least, space.search, space.log) == ("N", 1, (1, 4), False)
    assert space.grids == {"smoke": (1, 2), "paper": (1, 2, 3)}  # quick: the default
    assert spaces(ExampleSettings)["rate"].log
    assert list(spaces(ExampleSettings)) == ["count", "share", "rate", "kind", "early"]


def test_label_shows_letters_and_what_was_changed() -> None:
    assert label(ExampleSettings()) == "N=2"
    assert label(ExampleSettings(count=3, kind="K", early=False)) == "N=3 kind=K early=False"


@every_settings_type
def test_round_trip_through_json(settings_type: type[Settings]) -> None:
    default = settings_type()
    values = json.loads(json.dumps(default.as_dict()))
    assert settings_type.from_dict(values) == default
    assert list(values) == [field.name for field in dataclasses.fields(settings_type)]  # type: ignore[arg-type]
    for name, space in spaces(settings_type).items():
        for value in [*space.choices, *[v for grid in space.grids.values() for v in grid]]:
            changed = settings_type.from_dict({**values, name: value})
            assert settings_type.from_dict(changed.as_dict()) == changed
            assert changed.as_dict() == {**values, name: value}


@every_settings_type
def test_declared_searches_and_grids_keep_the_fields_own_rules(
    settings_type: type[Settings],
) -> None:
    types = field_types(settings_type)
    assert set(types.values()) <= {bool, int, float, str}
    for name, space in spaces(settings_type).items():
        assert set(space.grids) <= set(PRESETS)
        # A name is the backbone's field that bounds it: test_space.py of the search.
        bounds = [bound for bound in space.search or () if not isinstance(bound, str)]
        declared = [*bounds, *[value for grid in space.grids.values() for value in grid]]
        assert [space.violation(value) for value in declared] == [None] * len(declared), name
        assert {type(value) for value in declared} <= {types[name]}, name
        assert bounds == sorted(set(bounds)), name


@every_settings_type
def test_every_field_rejects_what_its_type_can_not_be(settings_type: type[Settings]) -> None:
    for name, kind in field_types(settings_type).items():
        wrong: Any = 1 if kind in (bool, str) else "1"
        message = rf"^{settings_type.owner()}\.{name}=.*{kind.__name__}"
        with pytest.raises(ValueError, match=message):
            settings_type.from_dict({name: wrong})


def test_owner_is_the_files_name() -> None:
    assert [load_method(name).settings_type.owner() for name in method_names()] == method_names()
    assert [load_backbone(name).owner() for name in backbone_names()] == backbone_names()
