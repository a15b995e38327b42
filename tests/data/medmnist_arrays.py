"""A small valid file of MedMNIST layout, as arrays, for the tests to write whole or spoilt."""

from typing import Any

import numpy as np


def arrays(**changes: Any) -> dict[str, Any]:
    """A valid file of two classes: 4 train, 2 val and 2 test images of 2x3 grey pixels."""
    made: dict[str, Any] = {}
    for split, size in (("train", 4), ("val", 2), ("test", 2)):
        made[f"{split}_images"] = np.arange(size * 6, dtype=np.uint8).reshape(size, 2, 3)
        made[f"{split}_labels"] = (np.arange(size, dtype=np.uint8) % 2)[:, None]
    return {key: value for key, value in (made | changes).items() if value is not None}
