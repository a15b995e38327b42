"""The time of one network, measured at once and without its files: an objective of a search."""

from collections.abc import Callable

import numpy as np

from bench.deploy.export.exported import Exported
from bench.deploy.export.runtimes import torch_run
from bench.deploy.export.trained import Trained
from bench.deploy.latency.measuring import Protocol, measurement, times
from bench.records.measurements import Measurement

AT_ONCE = Protocol(rounds=25, memory=False)


def measured_at_once(trained: Trained, protocol: Protocol = AT_ONCE) -> Measurement:
    """The times of the deployed network in torch; where it drops, drawing the masks is in them."""
    run = torch_run(Exported.of(trained, trained.method.deployed(), draws=True))

    def call(_runtime: str, n_images: int) -> Callable[[], object]:
        images = np.zeros((n_images, *trained.dataset.image_shape), dtype=np.uint8)
        return lambda: run(images, None)

    return measurement(trained.record.run_id, protocol, times(call, ["eager"], protocol))
