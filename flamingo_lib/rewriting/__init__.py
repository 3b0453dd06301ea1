"""Rewriting: the rewriter, and jobs that rewrite sources shard by shard and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .job import JobResult, Work, run_job
    from .pictures import Pictures
    from .rewriter import Rewriter
    from .shards import read_shards
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "JobResult",
    "Pictures",
    "Rewriter",
    "Work",
    "read_shards",
    "run_job",
]
