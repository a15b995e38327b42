"""The data folder: `--data`, else SAE_BENCH_DATA, else medmnist's default root."""

import os
from pathlib import Path

from bench.errors import UserError

DATA_VARIABLE = "SAE_BENCH_DATA"


def folder_and_origin(data: Path | None) -> tuple[Path, str]:
    """Return the data folder, and who named it for messages.

    Raises:
        UserError: none of them is usable (the default root cannot be made).
    """
    variable = os.environ.get(DATA_VARIABLE)
    if data is not None:
        return data.expanduser(), "--data"
    if variable:
        return Path(variable).expanduser(), DATA_VARIABLE
    try:
        root = Path("~", ".medmnist").expanduser()
        root.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"cannot make medmnist's data folder ~/.medmnist ({error}): pass --data FOLDER or set "
            f"{DATA_VARIABLE}"
        ) from error
    return root, "medmnist's default"
