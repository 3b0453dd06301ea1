"""Base class and field types of the configuration (`flamingo_lib.config`), and the settings of the filters."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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

FilterName = Literal["length", "change", "repetition", "preamble", "sts", "nli", "claims", "clip"]


class FiltersConfig(Frozen):
    """Thresholds of the filter chain (docs/method.md, section 3). The paper's are for the paper's judges."""

    chain: Annotated[tuple[FilterName, ...], EachOnce] = Field(
        ("length", "change", "repetition", "preamble", "sts", "nli", "clip"),
        description="the filters, in order; each reads its own tasks",
    )
    min_words: int = Field(3, ge=0)
    max_words: int = Field(400, ge=1)
    max_rouge: Share = Field(0.98, ge=0, le=1, description="Rouge-L at or above which a rewrite counts as unchanged")
    max_repeats: int = Field(3, ge=1, description="how often one sentence, or one phrase in a row, may occur")
    sts_min: Similarity = Field(0.40, description="similarity of original and rewrite under which captions are dropped")
    nli_margin_max: float = Field(
        0.0, description="lead of the contradiction logit over the others above which answers are dropped"
    )
    clip_score_min: ClipScore = Field(17.0, description="CLIPScore under which a paragraph is taken away")
    sts_min_by_task: Annotated[dict[str, Similarity], JudgedTasks] = Field(
        default_factory=dict, description="tasks with a threshold other than sts_min"
    )
    clip_score_min_by_task: Annotated[dict[str, ClipScore], JudgedTasks] = Field(
        default_factory=dict, description="tasks with a threshold other than clip_score_min"
    )
    claims_support_min: Share = Field(
        0.5, ge=0, le=1, description="probability of entailment from which the draft supports a sentence of a rewrite"
    )
    claims_contradiction_max: Share = Field(
        0.98, ge=0, le=1, description="probability of contradiction above which the draft speaks against a sentence"
    )
    claims_unstated_max: Share = Field(
        0.25, ge=0, le=1, description="share of a rewrite's sentences that the draft may neither support nor contradict"
    )
    claims_unstated_max_by_task: Annotated[dict[str, Share], JudgedTasks] = Field(
        default_factory=dict, description="tasks with a bound other than claims_unstated_max"
    )
    claims_similarity_max: Share = Field(
        0.8, ge=0, le=1, description="share of common words from which two sentences of a rewrite say the same"
    )
    clip_sentences: int = Field(10, ge=1, description="sentences of a paragraph that CLIPScore reads")
    max_failed: Share = Field(0.05, ge=0, le=1, description="share of a batch a judge may fail on before the run stops")

    @model_validator(mode="after")
    def _some_length_is_allowed(self) -> FiltersConfig:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words ({self.min_words}) is above max_words ({self.max_words}): nothing would pass")
        return self
