"""The benchmark: plans runs, executes them, keeps their records and draws conclusions.

From Python: `compare` and `run` make runs, `load` reads a results folder (docs/python.md).
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.results import Results as Results
    from bench.api.results import load as load
    from bench.api.single_run import run as run
    from bench.compare import compare as compare

__version__ = "0.1.0"
__all__ = ["Results", "__version__", "compare", "load", "run"]

_PLACES = {
    "Results": "bench.api.results",
    "compare": "bench.compare",
    "load": "bench.api.results",
    "run": "bench.api.single_run",
}


def __getattr__(name: str) -> Any:
    """Import at first use: a command that needs none of it starts at once."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def _check_that_nothing_shadows_methods() -> None:
    """`python -m` puts the working directory first: a folder ``methods`` there comes before ours.

    Raises:
        ImportError: naming both; of `bench`, so that runpy prints it without a traceback.
    """
    ours = Path(__file__).resolve().parents[1] / "methods" / "__init__.py"
    found = find_spec("methods")
    origin = found.origin if found is not None else None
    if origin is None or Path(origin).resolve() != ours:
        raise ImportError(
            f"{origin or 'no package'} is imported as `methods` in place of {ours}: rename that "
            "folder, or run from another one",
            name=__name__,
        )


def _end_quietly_until_there_is_a_command() -> None:
    """Ctrl-C while a command is still imported ends it without a traceback: nothing was begun."""
    begins = sys.argv[:1] == ["-m"] or Path(sys.argv[0] if sys.argv else "").name == "sae-bench"
    if begins and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _register_extensions() -> None:
    """Have the rows of ``SAE_BENCH_EXTENSIONS`` before anything reads the tables.

    Raises:
        ImportError: of a file with a mistake; of `bench`, as above.
    """
    if os.environ.get("SAE_BENCH_EXTENSIONS"):
        from bench import errors
        from bench.runs import extensions

        try:
            extensions.register_all()
        except errors.UserError as error:
            raise ImportError(str(error), name=__name__) from None


_end_quietly_until_there_is_a_command()
_check_that_nothing_shadows_methods()
_register_extensions()
