"""The `paper` preset."""

from ..config import Preset

PRESET = Preset(name="paper")
