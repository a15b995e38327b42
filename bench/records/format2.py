"""Records of format 2, which had sizes of files instead of digests, as records of today."""

from pathlib import Path
from typing import Any

from bench.records.files import regular_size, sha256_of
from bench.records.schema import FILES, RecordError

FORMAT = 2
_EPOCH = ("epoch", "progress", "parts", "val")


def converted(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A record of format 2 in the form of today's; the digest stays that of its text.

    Raises:
        RecordError: a file is missing or has another size, or the record is of no format.
    """
    try:
        files = {name: _digest(folder, name, size) for name, size in values["files"].items()}
        history = [_epoch(entry) for entry in values.get("history", [])]
    except (AttributeError, KeyError, TypeError) as error:
        raise RecordError(f"record.json is not of format {FORMAT}: {error!r}") from None
    made = {**values, "format": FORMAT + 1, "files": files}
    if "cost" in values:
        made["cost"] = _cost(values["cost"])
    return {**made, "history": history} if "history" in values else made


def _cost(cost: dict[str, Any]) -> dict[str, Any]:
    """Costs were counted as the paper does, on the network before it was fused."""
    papers = {"paper_flops": cost.get("flops"), "paper_params": cost.get("params")}
    return {**papers, **cost}


def _digest(folder: Path, name: str, size: int) -> str:
    if name not in FILES:
        raise RecordError(f"{name!r} is no file of a run; choices: {', '.join(FILES)}")
    if regular_size(folder / name) != size:
        raise RecordError(f"{name} is missing or has not its {size} bytes")
    return sha256_of(folder / name)


def _epoch(entry: dict[str, Any]) -> dict[str, Any]:
    diagnostics = {key: value for key, value in entry.items() if key not in _EPOCH}
    return {**{key: entry[key] for key in _EPOCH if key in entry}, "diagnostics": diagnostics}
