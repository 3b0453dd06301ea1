"""PF-1M: its records, the job that builds it from sources, and its export as JSON and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .build import export_pf1m, rewrite_sources
    from .parquet import read_parquet, write_parquet
    from .record import Pf1mRecord, from_rewrite, read_pf1m, write_pf1m
    from .sources import SourceSpec, parse_source
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Pf1mRecord",
    "SourceSpec",
    "export_pf1m",
    "from_rewrite",
    "parse_source",
    "read_parquet",
    "read_pf1m",
    "rewrite_sources",
    "write_parquet",
    "write_pf1m",
]
