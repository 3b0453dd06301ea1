"""Response rewriting for visual instruction tuning: the method of "Visual Instruction Tuning with Polite Flamingo"."""

__version__ = "0.1.0"

from .moved import install as _install_moved_names

_install_moved_names()


def __getattr__(name: str) -> object:
    """`flamingo_lib.rewrite`, loaded on first use."""
    if name == "rewrite":
        from importlib import import_module

        return import_module(f"{__name__}.own_data.api").rewrite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
