"""Fixed stratified subsets: the same rows in every run, on every machine.

scikit-learn is imported where it is needed only: see `bench.data.table`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt


def stratified_rows(y_B: npt.NDArray[Any], size: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Draw rows without replacement, each class by its share; regression targets at random.

    scikit-learn draws from RandomState, whose stream NumPy has frozen for good.

    Args:
        y_B: int64 class labels or float32 targets.
        size: number of rows, at least one a class and less than B.
        seed: of the draw.

    Returns:
        Ascending row numbers.

    Raises:
        ValueError: there are not enough rows for each class to be on both sides.
    """
    from sklearn.model_selection import train_test_split

    classes = y_B if np.issubdtype(y_B.dtype, np.integer) else None
    drawn, _ = train_test_split(
        np.arange(len(y_B)), train_size=size, stratify=classes, random_state=seed
    )
    return np.sort(drawn)
