"""Rewriting: the rewriter, and resumable jobs that let it read whole datasets."""
