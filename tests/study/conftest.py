"""Fixtures of the study's tests."""

from __future__ import annotations

import pytest

from tests.evaluation.conftest import data_root, index  # noqa: F401
from tests.study.synthetic import paper_world


@pytest.fixture(scope="session")
def study_data():
    """A study of three seeds in which every claim of the paper is so."""
    return paper_world()
