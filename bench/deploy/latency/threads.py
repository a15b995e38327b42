"""How many threads torch computes on while networks are timed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "OMP_NUM_THREADS"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many in this process and in those that it starts; afterwards as many as before.

    Denormals are flushed, as in the benchmark's runs. That stays: torch does not say what it was.
    """
    before = os.environ.get(_VARIABLE)
    # Before torch is imported: OpenMP reads it once.
    os.environ[_VARIABLE] = str(count)
    import torch

    from bench.runs.execute import prepare_process

    n_before = torch.get_num_threads()
    prepare_process()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(n_before)
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
