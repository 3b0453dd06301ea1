"""Data of one's own: tables and chats in the formats people keep them in, read, rewritten and written back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .containers import Container, open_container
    from .layouts import Slot
    from .samples import OwnData
    from .schemas import Columns, Schema, find_schema
    from .writers import write_rows
else:
    __getattr__ = lazy_exports(__name__)

__all__ = ["Columns", "Container", "OwnData", "Schema", "Slot", "find_schema", "open_container", "write_rows"]
