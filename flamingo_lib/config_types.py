"""Base class and field types of the configuration (`flamingo_lib.config`)."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .records import CAPTION_TASKS

Names = TypeVar("Names", bound=tuple)


class Frozen(BaseModel):
    """Base of all configs: no unknown keys, no NaN or infinity, no changes after creation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _each_once(names: Names) -> Names:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{name!r} is given twice")
    return names


def _judged_tasks(thresholds: dict[str, float]) -> dict[str, float]:
    for task in thresholds:
        if task not in CAPTION_TASKS:
            raise ValueError(f"{task!r} is none of the tasks judged by this score: {', '.join(sorted(CAPTION_TASKS))}")
    return thresholds


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot be sent as JSON: {error}") from None
    return values


EachOnce = AfterValidator(_each_once)
"""Of a tuple: no entry twice."""

JudgedTasks = AfterValidator(_judged_tasks)
"""Of thresholds by task: only tasks that STS and CLIPScore judge."""

JsonObject = Annotated[dict[str, Any], AfterValidator(_as_json)]
"""Values by name that can be sent as JSON, which has no NaN."""

Share = float
"""A number from 0 to 1."""

Beta = Annotated[float, Field(ge=0, lt=1)]
"""Decay rate of a running mean of Adam (beta)."""

Similarity = Annotated[float, Field(ge=-1, le=1)]
"""A cosine."""

ClipScore = Annotated[float, Field(ge=-100, le=100)]
"""100 times a cosine."""
