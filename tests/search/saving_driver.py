"""`python -m bench.search` with two corruptions; a byte to a named pipe around each record.

Worker processes import the main script too, so what stands at module level holds in them as well.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from runs.tiny_runs import FEW_CORRUPTIONS

from bench.console import command
from bench.records.schema import FileName, Record
from bench.records.store import Store
from bench.search.__main__ import main
from bench.shift import table as corruptions

save = Store.save
corruptions.CORRUPTIONS = {name: corruptions.CORRUPTIONS[name] for name in FEW_CORRUPTIONS}


def saved(store: Store, record: Record, files: Mapping[FileName, bytes]) -> Record:
    tell()
    stored = save(store, record, files)
    tell()
    return stored


def tell() -> None:
    with Path(os.environ["SAVES"]).open("wb") as pipe:
        pipe.write(b".")


Store.save = saved  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    command.run(main)
