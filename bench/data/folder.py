"""The data folder: `--data`, else SAE_BENCH_DATA, else medmnist's default root.

medmnist is imported where it is needed only: see `bench.data.table`.
"""

import importlib.util
import os
import runpy
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.errors import UserError

DATA_VARIABLE = "SAE_BENCH_DATA"


def resolve_folder(data: Path | None) -> Path:
    """Return the data folder: `data` (`--data`), else SAE_BENCH_DATA, else medmnist's default root.

    Raises:
        UserError: none of them is usable (medmnist could not make its default root).
    """
    return folder_and_origin(data)[0]


def folder_and_origin(data: Path | None) -> tuple[Path, str]:
    """Return the data folder and who named it, for messages. Raises as `resolve_folder`."""
    variable = os.environ.get(DATA_VARIABLE)
    if data is not None:
        return data.expanduser(), "--data"
    if variable:
        return Path(variable).expanduser(), DATA_VARIABLE
    root = medmnist_info().DEFAULT_ROOT
    if root is None:
        raise UserError(
            "medmnist cannot make its data folder ~/.medmnist: pass --data FOLDER or set "
            f"{DATA_VARIABLE}"
        )
    return Path(root), "medmnist's default"


def medmnist_info() -> Any:
    """Return the module medmnist.info, quiet about a default root that it cannot make.

    The module alone: with it, the package imports pandas, scikit-learn and torchvision, which takes
    longer than many a run.
    """
    if "medmnist.info" in sys.modules:
        return sys.modules["medmnist.info"]
    package = importlib.util.find_spec("medmnist")
    assert package is not None
    assert package.submodule_search_locations is not None
    (folder,) = package.submodule_search_locations
    with warnings.catch_warnings():
        # On import medmnist makes ~/.medmnist; that it cannot does not matter with another folder.
        warnings.filterwarnings("ignore", message="Failed to setup default root")
        return SimpleNamespace(**runpy.run_path(str(Path(folder, "info.py"))))
