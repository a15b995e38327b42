"""The text of a record: JSON under a digest, read from every format that is known."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import UserError
from bench.records import format2
from bench.records.schema import FORMAT, FileName, Record, RecordError, record_of

_READABLE = (format2.FORMAT, FORMAT)


class UnknownFormatError(UserError):
    """A record of a format that this code cannot read: it is no damage, and stays where it is."""


def sealed(record: Record, files: Mapping[FileName, bytes]) -> tuple[Record, bytes]:
    """The record with the digests of its files and of itself, and its text."""
    # Through JSON, which writes NaN as null.
    try:
        body = msgspec.json.decode(msgspec.json.encode(record))
    except (TypeError, ValueError) as error:  # a tensor, a lone surrogate
        raise RecordError(str(error)) from error
    body["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    body["digest"] = digest_of(body)
    return record_of(body), json.dumps(body, indent=1).encode()


def read(text: bytes, folder: Path) -> Record:
    """The record that a text holds.

    Raises:
        RecordError: it is damaged, or breaks the schema.
        UnknownFormatError: another format.
    """
    try:
        values = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"record.json is not JSON: {error}") from None
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise RecordError(f"record.json is not of format {FORMAT}")
    if values["format"] not in _READABLE:
        raise UnknownFormatError(
            f"run {folder.name} has a record of format {values['format']}; this code reads formats "
            f"{' and '.join(map(str, _READABLE))}: use the code that wrote it, or another folder"
        )
    if values.get("digest") != digest_of(values) or values.get("run_id") != folder.name:
        raise RecordError("record.json does not match its digest")
    return record_of(_current(values, folder))


def _current(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    return format2.converted(values, folder) if values["format"] == format2.FORMAT else values


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of all values but ``digest``."""
    body = {key: value for key, value in values.items() if key != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
