"""The identity of a run."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest
from made_records import made

from bench.errors import UserError
from bench.runs.config import RunConfig
from bench.runs.plan import Request, plan
from methods import method_names
from methods.standard import Standard
from runs.tiny_runs import config

METHODS = sorted(method_names())

# Written by hand, key by key in alphabetical order: the format that a config_id is a digest of.
CANONICAL = (
    '{"backbone":{"name":"fc","settings":{"depth":2,"width":8}},"dataset":"digits",'
    '"method":{"name":"ensemble","settings":{"n_members":2}},'
    '"training":{"augment":"dataset","batch_size":64,"clip":5.0,"epochs":1,"keep":"last",'
    '"learning_rate":0.001,"weight_decay":0.0}}'
)


@pytest.mark.parametrize("category", ["", "two\nlines", "x" * 300, None])
def test_a_category_is_a_name(category: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Standard, "category", lambda *_: category)
    with pytest.raises(ValueError, match=r"method 'standard': its category .*must"):
        config()


def changed(value: Any) -> Any:
    """Another valid value of a setting with this one."""
    swaps = {
        "dataset": "none", "last": "best", "one": "K", "batch": "dataset", "theta": "logits",
        "sampled": "expected", "kept": "dropped",
        "normal": "random_sign", "zero": "default", "tiled": "split", "split": "tiled",
        "all": "first", "elementwise": "channelwise",
    }  # fmt: skip
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return swaps[value]
    return value + 1 if isinstance(value, int) or value > 1 else 0.75


def with_changes(method: str) -> dict[str, RunConfig]:
    """The default configuration under each single change."""
    base = config(method, depth=4)
    made = {
        "dataset": dataclasses.replace(base, dataset="pneumonia"),
        "method": config("standard" if method != "standard" else "mc_dropout", depth=4),
    }
    for part in ("settings", "backbone_settings", "training"):
        settings = getattr(base, part)
        for name, value in settings.as_dict().items():
            other = dataclasses.replace(settings, **{name: changed(value)})
            made[f"{part}.{name}"] = dataclasses.replace(base, **{part: other})
    return made


def test_the_identity_is_the_digest_of_the_canonical_json() -> None:
    training = {"batch_size": 64, "weight_decay": 0.0}
    known = config("ensemble", n_members=2, training=training)
    assert known.config_id == hashlib.sha256(CANONICAL.encode()).hexdigest()[:12]
    # Records on disks are found by it: it may change with the format of records alone.
    assert known.config_id == "cb37524e1322"
    assert known.run_id == "digits-ensemble-cb37524e1322-s0"


@pytest.mark.parametrize("method", METHODS)
def test_any_change_makes_another_identity(method: str) -> None:
    made = with_changes(method)
    assert len(made) > 7
    identities = {config(method, depth=4).config_id, *(c.config_id for c in made.values())}
    assert len(identities) == 1 + len(made)


def test_seeds_share_the_configuration_but_not_the_run() -> None:
    first, second = config(seed=0), config(seed=1)
    assert first.config_id == second.config_id
    assert (first.run_id, second.run_id) == (f"{first.run_id[:-1]}0", f"{first.run_id[:-1]}1")


@pytest.mark.parametrize("method", METHODS)
def test_a_configuration_survives_json_in_any_key_order(method: str) -> None:
    for chosen in with_changes(method).values():
        text = json.dumps(chosen.as_dict(), sort_keys=True)
        backwards = json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        again = RunConfig.from_dict(backwards)
        assert again == chosen
        assert again.config_id == chosen.config_id
        assert again.as_dict() == chosen.as_dict()


def test_equal_configurations_have_equal_identities() -> None:
    whole, real = config(training={"clip": 5}), config(training={"clip": 5.0})
    assert whole == real
    assert whole.config_id == real.config_id


def test_a_key_left_out_takes_its_default_and_an_unknown_one_is_an_error() -> None:
    values = config("sae").as_dict()
    del values["training"]["clip"]
    assert RunConfig.from_dict(values) == config("sae")
    values["training"]["clap"] = 1.0
    with pytest.raises(ValueError, match=r"train\.clap: unknown setting; choices: epochs, batch"):
        RunConfig.from_dict(values)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"epochs": "1"}, "train.epochs='1': must be a value of type int"),
        ({"epochs": True}, "train.epochs=True: must be a value of type int"),
        ({"epochs": 1.0}, "train.epochs=1.0: must be a value of type int"),
        ({"learning_rate": float("nan")}, "train.learning_rate=nan: must be a finite number"),
        ({"learning_rate": None}, "train.learning_rate=None: must be a value of type float"),
        ({"keep": 1}, "train.keep=1: must be a value of type str"),
    ],
)
def test_wrong_types_are_named(training: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(training=training)


def test_settings_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sae\.n_exits=3: K must be <= D, .* D=2"):
        config("sae", n_exits=3)
    with pytest.raises(ValueError, match=r"seed=-1: must be >= 0"):
        config(seed=-1)


def test_label_and_category_say_what_is_varied() -> None:
    chosen = config("sae", n_inputs=3, n_exits=2, depth=4, alpha_end=0.5)
    assert chosen.label == "N=3 K=2 alpha_end=0.5 W=8 D=4"
    assert chosen.category == "I/B"
    assert config().label == "W=8 D=2"


def test_a_plan_has_no_configuration_twice() -> None:
    request = Request(
        datasets=["digits"], methods=METHODS, seeds=[0], preset="smoke", assignments=["width=8,8"]
    )
    identities = [chosen.config_id for chosen in plan(request)]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"name": "gone", "settings": {}}, "unknown method 'gone'"),
        ({"name": "standard", "settings": {"gone": 1}}, "gone"),
    ],
)
def test_a_record_of_a_method_that_is_not_here_is_an_error_of_the_user(
    method: dict[str, Any], message: str
) -> None:
    recorded = made({"config": config().as_dict() | {"method": method}}).config
    with pytest.raises(UserError, match=message):
        RunConfig.recorded(recorded)
