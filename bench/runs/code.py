"""The code that a run's numbers depend on, as a digest of its syntax trees."""

import functools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.records.store import Reader
from bench.runs.config import RunConfig
from bench.storage.cache import syntax_digest
from methods import load_method
from methods.backbones import load_backbone
from methods.core.registry import files_of

_ROOT = Path(__file__).resolve().parents[2]
# Beside the files of the method and the backbone: what trains, evaluates, scores and costs.
_PARTS = (
    "methods/core", "bench/training", "bench/metrics", "bench/shift/augmenters.py",
    "bench/shift/table.py", "bench/runs/run.py", "bench/cost.py",
)  # fmt: skip
# Where base classes come from that are no code of a study.
_LIBRARIES = {"abc", "builtins", "torch.nn.modules.module", "typing"}


def code_digest(method: str, backbone: str) -> str:
    """SHA-256 over the syntax trees of a method, a backbone, and all that trains and evaluates."""
    from bench.runs import extensions  # and scipy: a command whose workers run need not wait for it

    return _digest(method, backbone, tuple(files_of(extensions.VARIABLE)))


@functools.cache
def _digest(method: str, backbone: str, extended: tuple[Path, ...]) -> str:
    classes = [*load_method(method).__mro__, *load_backbone(backbone).__mro__]
    modules = sorted({each.__module__ for each in classes} - _LIBRARIES)
    own = [Path(str(sys.modules[module].__file__)).resolve() for module in modules]
    shared = [path for part in _PARTS for path in _python_files(_ROOT / part)]
    return syntax_digest([*(path for path in own if path not in shared), *shared, *extended])


def _python_files(part: Path) -> list[Path]:
    return [part] if part.is_file() else sorted(part.rglob("*.py"))


def made_by_other_code(configs: Iterable[RunConfig], store: Reader) -> list[str]:
    """The finished runs whose record has another digest than today's code, or none."""
    records = ((config, store.load(config.run_id)) for config in configs)
    return [
        record.run_id
        for config, record in records
        if record is not None
        and record.status == "done"
        and record.code != code_digest(config.method, config.backbone)
    ]


def notes(run_ids: Sequence[str]) -> list[str]:
    """The note of a table on runs that other code has made; none without such runs."""
    if not run_ids:
        return []
    more = f" and {len(run_ids) - 3} more" if len(run_ids) > 3 else ""
    note = (
        f"{len(run_ids)} of these runs were made by other code than today's and stand as they were:"
        f" {', '.join(run_ids[:3])}{more}; --rerun-changed makes them again"
    )
    return [note]
