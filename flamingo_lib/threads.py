"""The number of threads that PyTorch computes with: `computing_threads`; and of CPU `cores` for all that compute.

Sums that are shared out among another number of threads are added up in another order, and come out a little otherwise.
So the number is a setting (`Preset.threads`), whatever ``OMP_NUM_THREADS`` or the number of CPUs say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """Compute with `count` threads inside, and as before afterwards; None leaves the number as it is.

    It holds for the calling thread and those that begin inside.
    """
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
