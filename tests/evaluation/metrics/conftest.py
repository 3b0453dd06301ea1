"""Predictions made by hand."""

import pytest

from flamingo_lib.evaluation.predictions import Prediction


@pytest.fixture
def prediction():
    """A prediction of given fields; the rest is filled in, each with another id."""
    count = 0

    def make(response="", references=(), *, type="", scores=None, task="", **fields):
        nonlocal count
        count += 1
        meta = fields.pop("meta", {})
        values = {"id": f"q{count}", "model": "m", "seed": 0, "pool": "held_in", "source": "s"} | fields
        return Prediction(
            **values,
            type=type,
            instruction="?",
            references=tuple(references),
            response=response,
            scores=dict(scores or {}),
            meta=meta | ({"task": task} if task else {}),
        )

    return make
