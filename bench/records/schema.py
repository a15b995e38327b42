"""A run's record: every field with its type and its range, and the one check of them all.

The text of a record is ``record.json`` (`bench.records.text`); docs/results.md has the meaning and
the unit of each field. Nothing here imports torch.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct

FORMAT: Literal[3] = 3
MOST_TEXT = 100_000

Stage = Literal["final", "search"]
"""Runs of a search see validation alone, and have a store of their own below the results."""

Task = Literal["classification", "regression"]
FileName = Literal["predictions.npz", "weights.safetensors"]
PREDICTIONS: FileName = "predictions.npz"
WEIGHTS: FileName = "weights.safetensors"
FILES: tuple[FileName, ...] = (PREDICTIONS, WEIGHTS)

# A name may become a part of a path: it has no separator, and does not begin with a dot.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")]
RunId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\Z")]
ConfigId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
LINE = re.compile(r"[^\x00-\x1f\x7f]{0,299}")
Line = Annotated[str, Meta(pattern=rf"^{LINE.pattern}\Z")]
Text = Annotated[str, Meta(pattern=r"^[^\x00]*\Z", max_length=MOST_TEXT)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Severity = Annotated[int, Meta(ge=1, le=5)]

Setting: TypeAlias = bool | int | float | str | None
# A number, one per input, or one per input and exit; null where it is not finite.
Diagnostic: TypeAlias = float | list[float | list[float | None] | None] | None
# By key of `bench.metrics.table`; null where a metric is undefined or infinite.
Scores: TypeAlias = dict[Name, float | None]

_CONFIG_DIGITS = 12
# Settings that are counted with and averaged; another of a method's own may be text.
_NUMBERS = {
    "n_inputs", "n_exits", "n_members", "n_passes", "width", "depth", "epochs",
    "alpha_start", "alpha_end", "temperature_start", "temperature_end",
    "repetition_start", "repetition_end",
}  # fmt: skip
_SLACK = 1e-6  # of metrics that are sums of rounded shares


class RecordError(ValueError):
    """A record that breaks the schema."""


class Choice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method or a backbone, with every setting of it."""

    name: Name
    settings: dict[Name, Setting]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration; `bench.runs.config.RunConfig` is made from it."""

    dataset: Name
    method: Choice
    backbone: Choice
    training: dict[Name, Setting]
    seed: Count

    @property
    def flat(self) -> dict[str, Setting]:
        """All settings by name with their group, such as ``sae.n_inputs`` and ``train.epochs``."""
        groups = {
            self.method.name: self.method.settings,
            self.backbone.name: self.backbone.settings,
            "train": self.training,
        }
        named = {f"{group}.{key}": v for group, own in groups.items() for key, v in own.items()}
        return {
            "method": self.method.name,
            "backbone": self.backbone.name,
            "seed": self.seed,
            **named,
        }


class DatasetFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data of a run.

    Attributes:
        n_classes: 0 for regression.
        shape: H, W, Q of an image.
        sizes: samples by split.
        shift_images: test images that were corrupted.
        target_range: regression: the targets that were scaled to 0 and 1.
        fingerprint: SHA-256 over shapes and bytes of all splits.
        corruptions: what corrupted images depend on besides the data.
        class_names: by label, where they are known.
        duplicates: images that occur in two splits, by pair of splits; with "_other_label" at the
            end, those of them that have another label there.
        drop_duplicates: images of train and val that occur in test were removed.
        flags: remarks on the data, and on a temperature at its bound.
    """

    name: Name
    task: Task
    n_classes: Count
    shape: tuple[Positive, Positive, Positive]
    sizes: dict[Literal["train", "val", "test"], Positive]
    shift_images: Count
    fingerprint: Sha256
    corruptions: list[Line]
    target_range: tuple[float, float] | None = None
    augment: Name = "none"
    class_names: list[Line] | None = None
    duplicates: dict[Name, Count] = {}
    drop_duplicates: bool = False
    resize: Positive | None = None
    flags: list[Line] = []


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One epoch of a part that is trained apart.

    Attributes:
        train_loss: mean over the steps.
        gradient_norms: mean norm before the clip, by parameter group.
        clipped: share of the steps that were clipped, by parameter group.
    """

    train_loss: float | None
    gradient_norms: dict[str, float | None]
    clipped: dict[str, float] = {}


class Epoch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One epoch of the training.

    Attributes:
        epoch: from 0.
        progress: share of the training done after this epoch.
        parts: one per part that is trained apart.
        val: validation metrics of the network in training.
        diagnostics: of the method, by name (SAE: theta, its logits, the schedules).
    """

    epoch: Count
    progress: Annotated[float, Meta(ge=0, le=1)]
    parts: list[Part] = []
    val: Scores = {}
    diagnostics: dict[Name, Diagnostic] = {}

    @property
    def theta_ND(self) -> list[list[float]]:
        """SAE's depth distribution by input and exit; empty for other methods."""
        return cast("list[list[float]]", self.diagnostics.get("theta") or [])

    @property
    def optimum_ND(self) -> list[list[float]]:
        """The theta at which SAE's objective was least; empty where it is not recorded."""
        return cast("list[list[float]]", self.diagnostics.get("theta_optimum") or [])


class Metrics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scores by split; a search has validation alone."""

    val: Scores
    test: Scores | None = None
    corruptions: dict[Name, dict[Severity, Scores]] = {}


class Cost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cost of the prediction for one image.

    Attributes:
        flops: fused multiply-adds of the deployed network; before format 3 the paper's count.
        params: parameters of the deployed network; before format 3 the paper's count.
        flops_by_part: FLOPs by module path.
        paper_flops, paper_params: as the paper counts: N slices of the stem, BatchNorm apart.
    """

    flops: Positive
    params: Positive
    flops_by_part: dict[str, Count]
    paper_flops: Positive
    paper_params: Positive


class Timings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds of wall time and of CPU time."""

    train_s: Seconds
    train_cpu_s: Seconds
    evaluate_s: Seconds
    evaluate_cpu_s: Seconds

    @property
    def cpu_s(self) -> float:
        """CPU seconds of training and evaluation."""
        return self.train_cpu_s + self.evaluate_cpu_s


class Cpu(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The processor: another model or instruction set gives other bits."""

    model: Line
    capability: Line


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions, code and machine of a run; ``cpu`` is null in records before format 3."""

    python: Line
    packages: dict[Name, Line]
    git_commit: Line | None
    device: Line
    machine: Line
    threads: Positive
    peak_memory_mib: Count
    cpu: Cpu | None = None


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a run failed."""

    type: Line
    message: Text
    traceback: Text = ""


class _Run(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of every record.

    Attributes:
        category: the method's name in legends.
        label: what is varied, in the paper's letters.
        code: digest of the code that made the run (`bench.runs.code`); null before format 3.
        files: SHA-256 of the files beside the record.
        digest: SHA-256 over all other fields; empty until the record is stored.
    """

    run_id: RunId
    config_id: ConfigId
    category: Line
    label: Line
    config: Config
    stage: Stage = "final"
    code: Sha256 | None = None
    files: dict[FileName, Sha256] = {}
    digest: Sha256 | Literal[""] = ""
    format: Literal[3] = 3


class FinishedRun(_Run, frozen=True, kw_only=True, tag_field="status", tag="done"):
    """The record of a run that was trained and evaluated.

    Attributes:
        temperature: fitted on validation.
    """

    status: ClassVar[Literal["done"]] = "done"

    dataset: DatasetFacts
    history: list[Epoch]
    temperature: Annotated[float, Meta(gt=0)]
    metrics: Metrics
    cost: Cost
    timings: Timings
    environment: Environment

    @property
    def circumstances(self) -> dict[str, str]:
        """What may explain other numbers of one configuration: data, code, machine, versions."""
        made = self.environment
        found: dict[str, object] = {
            "data": self.dataset.fingerprint[:12],
            "corruptions": " ".join(self.dataset.corruptions),
            "code": self.code and self.code[:12],
            "commit": made.git_commit,
            "processor": made.cpu and made.cpu.model,
            "instructions": made.cpu and made.cpu.capability,
            "device": made.device,
            "machine": made.machine,
            "threads": made.threads,
            "python": made.python,
            **made.packages,
        }
        unknown = "not recorded"
        return {name: unknown if value is None else str(value) for name, value in found.items()}


class FailedRun(_Run, frozen=True, kw_only=True, tag_field="status", tag="failed"):
    """The record of a run that failed, with its reason."""

    status: ClassVar[Literal["failed"]] = "failed"

    error: Failure
    environment: Environment | None = None


Record: TypeAlias = FinishedRun | FailedRun


def run_id_of(config: Config, config_id: str) -> str:
    """The name of a run's folder."""
    return f"{config.dataset}-{config.method.name}-{config_id}-s{config.seed}"


def config_id_of(config: Mapping[str, object]) -> str:
    """Digest of a `Config` as JSON values, seed apart: runs that differ in it alone share it."""
    identity = {key: value for key, value in config.items() if key != "seed"}
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_CONFIG_DIGITS]


def record_of(values: object) -> Record:
    """Check the whole schema of format ``FORMAT``.

    Raises:
        RecordError: a field is missing, unknown, or of a wrong type or range; names it.
    """
    try:
        record: Record = msgspec.convert(values, FinishedRun | FailedRun, str_keys=True)
    except msgspec.ValidationError as error:
        raise RecordError(str(error)) from None
    if record.run_id != run_id_of(record.config, record.config_id):
        raise RecordError("run_id is not that of its configuration and seed")
    # Ids of another form are of runs that no configuration here can have.
    made_up = not re.fullmatch(f"[0-9a-f]{{{_CONFIG_DIGITS}}}", record.config_id)
    if not made_up and record.config_id != config_id_of(msgspec.to_builtins(record.config)):
        raise RecordError("config_id is not the digest of its configuration")
    _check_numbers(record.config)
    if isinstance(record, FinishedRun):
        _check_metrics(record)
        for epoch in record.history:
            _check_depth(epoch)
    return record


def _check_numbers(config: Config) -> None:
    for settings in (config.method.settings, config.backbone.settings, config.training):
        for name in _NUMBERS & settings.keys():
            if isinstance(settings[name], bool | str):
                raise RecordError(f"config: {name} is {settings[name]!r}: must be a number")


def _check_depth(epoch: Epoch) -> None:
    theta, optimum = (_lengths(epoch.diagnostics.get(name)) for name in ("theta", "theta_optimum"))
    if len(set(theta)) > 1 or optimum not in ([], theta) or None in theta:
        raise RecordError(
            f"history.{epoch.epoch}.diagnostics: theta and theta_optimum must be N lists of D "
            "numbers each"
        )


def _lengths(rows: Diagnostic) -> list[int | None]:
    """Lengths of the lists in a list; None for what is no list."""
    rows = rows if isinstance(rows, list) else [rows] if rows is not None else []
    return [len(row) if isinstance(row, list) else None for row in rows]


def _check_metrics(record: FinishedRun) -> None:
    # Imported here, with scipy: a command whose workers run need not wait for it.
    from bench.metrics.table import keys_for

    if record.dataset.name != record.config.dataset:
        raise RecordError("dataset.name is not that of the configuration")
    where = {"val": record.metrics.val, "test": record.metrics.test or {}}
    for corruption, by_severity in record.metrics.corruptions.items():
        where |= {f"corruptions.{corruption}.{s}": scores for s, scores in by_severity.items()}
    known = keys_for(record.dataset.task)
    for split, scores in where.items():
        for key, value in scores.items():
            if value is None or key not in known:  # a metric of one's own has no range here
                continue
            low, high = known[key].bounds
            if not low - _SLACK <= value <= high + _SLACK:
                raise RecordError(
                    f"metrics.{split}.{key} is {value:g}: must be in [{low:g}, {high:g}]"
                )


def finite(scores: dict[str, float]) -> Scores:
    """Scores as a record has them: null where one is undefined or infinite."""
    return {key: value if abs(value) < float("inf") else None for key, value in scores.items()}
