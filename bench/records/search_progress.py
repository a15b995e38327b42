"""What a search had found after each of its trials, as the search wrote it. No torch."""

import hashlib
import io
import logging
from pathlib import Path

import pandas as pd

from bench.records.store import search_folder, write_file

_log = logging.getLogger(__name__)

COLUMNS = (
    "dataset", "study", "method", "sampler", "trial", "core_seconds", "hypervolume", "n_objectives",
    "costs",
)  # fmt: skip
_SEAL = "# sha256 "


def path_of(results: Path) -> Path:
    """The file in a results folder."""
    return search_folder(results) / "progress.csv"


def write_progress(results: Path, table: pd.DataFrame) -> None:
    """Write the rows, and the digest of all of them in the last line."""
    text = table.to_csv(index=False)
    write_file(path_of(results), f"{text}{_SEAL}{_digest(text)}\n".encode())


def read_progress(results: Path) -> pd.DataFrame:
    """The rows of `bench.search.progress.progress`; none where nothing was searched.

    A damaged file is left out with a warning: the next search writes it anew.
    """
    path, nothing = path_of(results), pd.DataFrame(columns=list(COLUMNS))
    if not path.is_file():
        return nothing
    text, _, digest = path.read_text(errors="replace").rpartition(_SEAL)
    if digest.strip() != _digest(text):
        _log.warning("%s is damaged and left out: the next search writes it anew", path)
        return nothing
    return pd.read_csv(io.StringIO(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
