"""Rewriting: rewriters of three kinds, and jobs that rewrite sources shard by shard and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports
from ..renamed import renamed

if TYPE_CHECKING:
    from .backends.flamingo import FlamingoRewriter
    from .backends.load import load_rewriter
    from .backends.server import ServerRewriter
    from .backends.settings import BackendConfig
    from .backends.transformers import TransformersRewriter
    from .job import JobResult, Work, run_job
    from .pictures import Pictures
    from .rewriter import RewriterBackend
    from .shards import read_shards
else:
    __getattr__ = lazy_exports(
        __name__, renamed(__name__, Rewriter="flamingo_lib.rewriting.backends.flamingo.FlamingoRewriter")
    )

__all__ = [
    "BackendConfig",
    "FlamingoRewriter",
    "JobResult",
    "Pictures",
    "RewriterBackend",
    "ServerRewriter",
    "TransformersRewriter",
    "Work",
    "load_rewriter",
    "read_shards",
    "run_job",
]
