"""Generators for every random choice, seeded by ``(seed, *key)``.

A record's randomness depends on its own key, usually ``(seed, epoch, record id)``, and on nothing else:
not on its neighbours, the order of work, the number of workers, or a restart.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def derive_seed(seed: int, *key: int | str) -> int:
    """A 63-bit integer from `seed` and `key`, stable across machines, processes and Python versions."""
    text = "\x1f".join([str(int(seed)), *(f"{type(part).__name__}:{part}" for part in key)])
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def seeder(seed: int, *prefix: int | str) -> Callable[[str], int]:
    """A faster `derive_seed` for keys of one prefix: ``seeder(s, *prefix)(key) == derive_seed(s, *prefix, key)``."""
    text = "\x1f".join([str(int(seed)), *(f"{type(part).__name__}:{part}" for part in prefix), "str:"])
    begin, whole = (
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).copy,
        struct.Struct(">Q").unpack,
    )

    def derive(key: str) -> int:
        state = begin()
        state.update(key.encode("utf-8", "surrogatepass"))
        return whole(state.digest())[0] >> 1

    return derive


def generator(seed: int, *key: int | str) -> random.Random:
    """A `random.Random` of its own for `(seed, *key)`."""
    return random.Random(derive_seed(seed, *key))


def numpy_generator(seed: int, *key: int | str) -> np.random.Generator:
    """A NumPy generator of its own for `(seed, *key)`."""
    import numpy as np

    return np.random.default_rng(derive_seed(seed, *key))


def torch_generator(seed: int, *key: int | str) -> torch.Generator:
    """A CPU `torch.Generator` of its own for `(seed, *key)`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, *key))
