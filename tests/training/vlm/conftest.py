"""The fixtures that rewriting and training share."""

from tests.vlm_fixtures import conversations, root, smolvlm

__all__ = ["conversations", "root", "smolvlm"]
