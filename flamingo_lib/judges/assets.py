"""Where a judge's weights are found: see `flamingo_lib.hub`."""

from ..hub import checkpoints_folder, hub_folder, local_folder, quiet_loading, resolve

__all__ = ["checkpoints_folder", "hub_folder", "local_folder", "quiet_loading", "resolve"]
