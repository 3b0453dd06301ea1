"""Exports: rewritten datasets in the formats of training frameworks, one module for each target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .reading import read_records
    from .record import ExportRecord
    from .run import TARGETS, export_dataset
else:
    __getattr__ = lazy_exports(__name__)

__all__ = ["TARGETS", "ExportRecord", "export_dataset", "read_records"]
