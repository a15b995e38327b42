"""A standard NN that says when it trains and then waits, so that a test can strike in mid-run."""

import os
import time
from pathlib import Path

from torch import Tensor

from methods.standard import Standard, StandardSettings


class Sleepy(Standard[StandardSettings]):
    """Touches $SLEEPY_MARK and sleeps $SLEEPY_SECONDS (0: not at all) in every step."""

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: float) -> Tensor:
        if "SLEEPY_MARK" in os.environ:
            Path(os.environ["SLEEPY_MARK"]).write_text(str(os.getpid()))
            time.sleep(float(os.environ["SLEEPY_SECONDS"]))
        return super().loss(x_BQHW, y_B, progress)
