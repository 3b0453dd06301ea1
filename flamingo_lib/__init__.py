"""Response rewriting for visual instruction tuning: the method of "Visual Instruction Tuning with Polite Flamingo"."""

__version__ = "0.1.0"

from .moved import install as _install_moved_names

_install_moved_names()
