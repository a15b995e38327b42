"""Which device to use, and what of it the workers of this machine share."""

import os

from bench.errors import UserError


def default_device(name: str, *, elsewhere: bool = False) -> str:
    """The device to use: "auto" is the first GPU where there is one.

    Args:
        name: that of ``--device``.
        elsewhere: runs execute on other machines, whose GPUs are not known here: "auto" is the CPU.

    Raises:
        UserError: torch has no such device here.
    """
    if name.partition(":")[0] == "gpu":  # TensorFlow's and JAX's word for it
        name = name.replace("gpu", "cuda", 1)
    if elsewhere:
        return "cpu" if name == "auto" else name
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device {name}: not usable here ({reason}); try cpu") from error
    return name


def default_workers(device: str) -> int:
    """One worker per GPU, or one per core that this process may use.

    A container or a batch system may allow fewer than the machine has, by affinity or by quota.
    """
    import joblib  # takes longer than all else that a command imports before torch

    return len(gpus(device)) or int(joblib.cpu_count())


def gpus(device: str) -> list[str]:
    """The GPUs for the workers of this machine: values of CUDA_VISIBLE_DEVICES, one a GPU.

    Args:
        device: "cuda": every GPU that is visible here, one of which a worker sees. "cuda:1": that
            one, which has this number only beside all others. Any other device: none.
    """
    if device.partition(":")[0] != "cuda":
        return []
    import torch

    return gpus_among(device, os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count())


def gpus_among(device: str, visible: str | None, n_gpus: int) -> list[str]:
    """What :func:`gpus` returns, given CUDA_VISIBLE_DEVICES and the number of visible GPUs."""
    names = visible.split(",")[:n_gpus] if visible else [str(index) for index in range(n_gpus)]
    return names if device == "cuda" else [",".join(names)]
