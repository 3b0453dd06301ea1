"""The data root, rewriter and judges of the rewriting tests, for the jobs that build PF-1M with them."""

from tests.rewriting.conftest import *  # noqa: F403
