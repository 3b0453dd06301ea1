"""The `small` preset."""

from ..config import Preset

PRESET = Preset(name="small")
