"""The command line that runs a configuration again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from bench.records.schema import Config, Setting

# A record names own data by a digest of their content, not by the path they were read from.
PATH = "PATH_OF_THE_DATA"
_OWN_DATA = re.compile(r"-[0-9a-f]{10}(-dedup)?$")


def command(config: Config, seeds: Iterable[int], task: str) -> str:
    """`python -m bench.compare` with every setting of a configuration.

    Defaults are written out too: presets and the rows of datasets have grids of their own, and
    a default may change with the code.

    Args:
        config: of a record.
        seeds: which seeds to run.
        task: what the dataset is for; own data have to say it.
    """
    own = is_own_data(config.dataset)
    words = ["python", "-m", "bench.compare"]
    words += ["--datasets", PATH, "--task", task] if own else ["--datasets", config.dataset]
    words += ["--drop-duplicates"] if own and config.dataset.endswith("-dedup") else []
    words += ["--methods", config.method.name, "--backbone", config.backbone.name]
    words += ["--seeds", ",".join(map(str, sorted(seeds)))]
    for assignment in _assignments(config):
        words += ["--set", assignment]
    return shlex.join(words)


def is_own_data(dataset: str) -> bool:
    """Whether a name is that of one's own data (``bench.data.own``)."""
    return _OWN_DATA.search(dataset) is not None


def _assignments(config: Config) -> Iterator[str]:
    groups = {
        config.method.name: config.method.settings,
        config.backbone.name: config.backbone.settings,
        "train": config.training,
    }
    for group, settings in groups.items():
        for name, value in settings.items():
            yield f"{group}.{name}={_text(value)}"


def _text(value: Setting) -> str:
    """A value as ``--set`` reads it back; a float's repr has all of its digits."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)
