"""Pairs with pictures, for packing into windows of other models."""

from tests.vlm_fixtures import conversations, root

__all__ = ["conversations", "root"]
