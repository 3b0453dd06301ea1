"""The compiled functions, where they were built and this processor is the one they are for."""

from __future__ import annotations

import ctypes
import logging
from ctypes import c_float, c_int, c_long, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch

FUNCTIONS = {
    "flamingo_product": (None, *[c_void_p] * 4, *[c_long] * 3),
    "flamingo_attention_room": (c_long, c_long, c_long),
    "flamingo_attention": (None, c_void_p, c_int),
    "flamingo_swiglu": (None, *[c_void_p] * 2, *[c_long] * 2),
    "flamingo_swiglu_backward": (None, *[c_void_p] * 3, *[c_long] * 2),
    "flamingo_softmax": (None, c_void_p, *[c_long] * 2),
    "flamingo_gelu": (None, *[c_void_p] * 3, c_long),
    "flamingo_normalise": (None, *[c_void_p] * 3, *[c_long] * 2, c_float),
    "flamingo_normalise_backward": (None, *[c_void_p] * 4, *[c_long] * 2),
}
"""By name, the types of their result and arguments."""

OPERATIONS = torch.library.Library("flamingo_lib", "DEF")
"""Those that PyTorch knows by name, so that it counts them."""

_log = logging.getLogger(__name__)


def is_at_hand() -> bool:
    """Whether the compiled functions are to be used: never decided by timing."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2" and library() is not None


@cache
def library() -> ctypes.CDLL | None:
    """The functions; None, and why in the log, if they weren't built or can't be loaded."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_compiled{suffix}")
        if path.exists():
            try:
                found = ctypes.CDLL(str(path))
                for name, (result, *arguments) in FUNCTIONS.items():
                    function = getattr(found, name)
                    function.restype, function.argtypes = result, arguments
                return found
            except (OSError, AttributeError) as error:
                _log.warning("%s can't be used, so that this processor is slower: %s", path.name, error)
                return None
    _log.info(
        "the pieces in C aren't built; with a C compiler, installing the package once more makes this processor faster"
    )
    return None
