"""The benchmark: plans runs, executes them, keeps their records and draws conclusions."""

from importlib.util import find_spec
from pathlib import Path

__version__ = "0.1.0"


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


_check_that_nothing_shadows_methods()
