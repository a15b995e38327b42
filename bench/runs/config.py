"""A run's configuration: the whole truth of what is trained and how."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import msgspec

from bench.errors import UserError
from bench.records import schema
from bench.training.settings import TrainingSettings
from methods import load_method
from methods.backbones import load_backbone
from methods.core.backbone import BackboneSettings
from methods.core.space import Settings, label


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training: a method on a backbone on a dataset, with one seed.

    Raises:
        ValueError: a negative seed, or settings that do not fit each other (K > D), or a method
            whose category is no name.
    """

    dataset: str
    method: str
    settings: Settings
    backbone: str
    backbone_settings: BackboneSettings
    training: TrainingSettings
    seed: int

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: must be >= 0")
        load_method(self.method).check(self.settings, self.backbone_settings)
        for name, text in (("category", self.category), ("label", self.label)):
            if not isinstance(text, str) or not schema.LINE.fullmatch(text):
                raise ValueError(
                    f"method {self.method!r}: its {name} {str(text)[:100]!r} must be one line of "
                    "at most 299 letters"
                )
        if not self.category:
            raise ValueError(f"method {self.method!r}: its category must not be empty")

    def as_dict(self) -> dict[str, Any]:
        """The configuration as JSON values; ``from_dict`` is the inverse."""
        return {
            "dataset": self.dataset,
            "method": {"name": self.method, "settings": self.settings.as_dict()},
            "backbone": {"name": self.backbone, "settings": self.backbone_settings.as_dict()},
            "training": self.training.as_dict(),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what :meth:`as_dict` wrote."""
        method, backbone = values["method"], values["backbone"]
        return cls(
            dataset=values["dataset"],
            method=method["name"],
            settings=load_method(method["name"]).settings_type.from_dict(method["settings"]),
            backbone=backbone["name"],
            backbone_settings=load_backbone(backbone["name"]).from_dict(backbone["settings"]),
            training=TrainingSettings.from_dict(values["training"]),
            seed=values["seed"],
        )

    @classmethod
    def recorded(cls, config: schema.Config) -> Self:
        """The configuration that a record has.

        Raises:
            UserError: the method or the backbone is in no file known here, or has other settings.
        """
        try:
            return cls.from_dict(msgspec.to_builtins(config))
        except (ValueError, TypeError) as error:
            raise UserError(f"a network of {config.method.name} cannot be made: {error}") from error

    @cached_property
    def config_id(self) -> str:
        """Digest of everything but the seed: runs that differ in the seed alone share it."""
        return schema.config_id_of(self.as_dict())

    @property
    def run_id(self) -> str:
        """The name of the run's folder: readable, and unique by the digest."""
        return f"{self.dataset}-{self.method}-{self.config_id}-s{self.seed}"

    @property
    def label(self) -> str:
        """Short text for tables: what is varied, in the paper's letters."""
        # All runs of a comparison have the same epochs.
        default = TrainingSettings().epochs
        training = dataclasses.replace(self.training, epochs=default)
        groups = (self.settings, self.backbone_settings, training)
        return " ".join(text for text in map(label, groups) if text)

    @property
    def category(self) -> str:
        """The method's name in legends."""
        return load_method(self.method).category(self.settings, self.backbone_settings)
