"""The small studies as fixtures."""

import pandas as pd
import pytest

from bench.records.frames import Frames
from figures.study import make_study


@pytest.fixture(scope="session")
def study() -> Frames:
    return make_study()


@pytest.fixture(scope="session")
def digits() -> pd.DataFrame:
    return make_study(["digits"]).runs
