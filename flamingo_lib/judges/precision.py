"""The dtype a judge computes in: float32, or bfloat16 where the processor multiplies it many times as fast."""

from __future__ import annotations

from functools import cache

from ..errors import ConfigError

PRECISIONS = ("auto", "float32", "bfloat16")


@cache
def has_tiles() -> bool:
    """Whether this machine's processor multiplies tiles of bfloat16 (Intel's AMX); False if torch is too old to say."""
    import torch

    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_tile") and capabilities.get("amx_bf16"))


def resolve_precision(wanted: str, device: str) -> str:
    """``"float32"`` or ``"bfloat16"``: what `wanted` means on a device.

    ``"auto"`` is bfloat16 on processors with tiles for it and float32 everywhere else, GPUs included, whose large
    batches gain little from it with models of this size.

    Raises:
        ConfigError: there is no such precision.
    """
    if wanted not in PRECISIONS:
        raise ConfigError(f"there is no precision {wanted!r}", remedy=f"Choose among {', '.join(PRECISIONS)}.")
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.startswith("cpu") and has_tiles() else "float32"
