"""Settings of the C allocator that keep what is freed instead of giving it back to the system.

A training step takes and frees the same arrays over and over. glibc gives large ones back each
time, and every page that comes anew costs a fault and is zeroed: up to half of a step of a
convolutional network.
"""

import ctypes

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Larger than any array of a step, smaller than a dataset, which is taken once.
MMAP_THRESHOLD = 2**28
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed arrays below MMAP_THRESHOLD bytes in this process from now on.

    Returns:
        Whether the C library has such settings: glibc can; those of macOS, musl and Windows cannot.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
