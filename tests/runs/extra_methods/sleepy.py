"""A standard NN that tells when it trains and then waits, so that a test can strike in mid-run."""

import os
import threading
from pathlib import Path

from torch import Tensor

from methods.core.schedule import Progress
from methods.standard import Standard, StandardSettings


class Sleepy(Standard[StandardSettings]):
    """Writes its process to $SLEEPY_MARK, a named pipe, and sleeps for ever; without it, trains."""

    def loss(self, x_BQHW: Tensor, y_B: Tensor, progress: Progress) -> Tensor:
        if "SLEEPY_MARK" in os.environ:
            Path(os.environ["SLEEPY_MARK"]).write_text(str(os.getpid()))
            threading.Event().wait()
        return super().loss(x_BQHW, y_B, progress)
