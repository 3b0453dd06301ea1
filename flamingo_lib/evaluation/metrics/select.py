"""Which metrics fit a set of predictions, by task and by what is known of them, each with its guess line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...records import VQA_TASKS
from ...scenes.ground_truth import is_polite_sentence
from ..predictions import Prediction
from . import captions, guess, judged, pope, truth, values, vqa
from .values import MetricValue

Function = Callable[[Iterable[Prediction]], MetricValue]
Guess = Callable[[Sequence[Prediction]], MetricValue]

TASK_KEY = "task"
"""Where a prediction's `meta` says its task, one of `flamingo_lib.records.TASKS`."""

CAPTIONS = frozenset({"caption", "region", "change"})
DESCRIPTIONS = CAPTIONS | {"detection"}
SENTENCES = DESCRIPTIONS | {"vqa_rationale", "instruction"}
ANSWERS = VQA_TASKS | {"classification"}
EVERYTHING = SENTENCES | ANSWERS


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as tables name it.

    Attributes:
        name: key in ``metrics.json``.
        title: what it is, for people.
        function: from predictions to its value.
        tasks: which tasks it fits.
        guess: its guess line; None if a blind guess has none.
        guess_title: what the guess is.
        judge: role of the judge whose scores it reads; "" if none.
        digits: decimals that are printed.
    """

    name: str
    title: str
    function: Function
    tasks: frozenset[str]
    guess: Guess | None = None
    guess_title: str = ""
    judge: str = ""
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value on one set of predictions, with its guess line and chance where there are such."""

    metric: Metric
    value: MetricValue
    guess: MetricValue | None = None
    chance: MetricValue | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = {"title": self.metric.title, **self.value.to_json()}
        if self.guess is not None:
            plain["guess"] = {"what": self.metric.guess_title, **self.guess.to_json()}
        if self.chance is not None:
            plain["chance"] = self.chance.to_json()
        return plain


def _blind(function: Function) -> Guess:
    return lambda predictions: guess.guess_line(predictions, function)


def _borrowed(function: Function) -> Guess:
    return lambda predictions: guess.borrowed_line(predictions, function)


def _stored(name: str, how: Callable = values.mean_score) -> Guess:
    return lambda predictions: how(predictions, name)


def _reference_polite(predictions: Sequence[Prediction]) -> MetricValue:
    able = [item for item in predictions if item.references]
    return values.summarize(
        [float(is_polite_sentence(item.references[0])) for item in able], [item.type for item in able]
    )


def _half(predictions: Sequence[Prediction]) -> MetricValue:
    n = judged.reference_win_rate(predictions).n
    return MetricValue(0.5 if n else values.NAN, n)


def _yes_no(part: str) -> Function:
    return lambda predictions: getattr(pope.yes_no(predictions), part)


COMMONEST = "always the commonest answer of the type"
BORROWED = "the reference of another image"
REFERENCE = "the reference answers"


def _pope(part: str, title: str) -> Metric:
    function = _yes_no(part)
    return Metric(f"yes_no_{part}", title, function, VQA_TASKS, _blind(function), COMMONEST)


METRICS: tuple[Metric, ...] = (
    Metric(
        "vqa_accuracy",
        "VQA accuracy",
        vqa.vqa_accuracy,
        VQA_TASKS,
        _blind(vqa.vqa_accuracy),
        COMMONEST,
    ),
    Metric(
        "vqa_accuracy_stated",
        "VQA accuracy of an answer stated in a sentence",
        vqa.vqa_accuracy_stated,
        VQA_TASKS,
        _blind(vqa.vqa_accuracy_stated),
        COMMONEST,
    ),
    _pope("accuracy", "yes/no: accuracy"),
    _pope("precision", "yes/no: precision"),
    _pope("recall", "yes/no: recall"),
    _pope("f1", "yes/no: F1"),
    _pope("yes_share", "yes/no: share of yes"),
    Metric(
        "nli_accuracy", "NLI-entailed accuracy", judged.nli_accuracy, ANSWERS, guess.commonest_share, COMMONEST, "nli"
    ),
    Metric("exact_match", "exact match", vqa.exact_match, ANSWERS, _blind(vqa.exact_match), COMMONEST),
    Metric("label_named", "reference stated", vqa.label_named, ANSWERS, _blind(vqa.label_named), COMMONEST),
    Metric(
        "accuracy", "right answers, about the subject", truth.answer_accuracy, ANSWERS, guess.commonest_share, COMMONEST
    ),
    Metric(
        "any_subject_accuracy",
        "right answers, any subject",
        truth.any_subject_accuracy,
        ANSWERS,
        guess.commonest_share,
        COMMONEST,
    ),
    Metric("subject_accuracy", "answers about the subject", truth.subject_accuracy, ANSWERS),
    Metric("rouge_l", "Rouge-L", captions.rouge_l_mean, SENTENCES, _borrowed(captions.rouge_l_mean), BORROWED),
    Metric("cider", "CIDEr", captions.cider, CAPTIONS, _borrowed(captions.cider), BORROWED),
    Metric("sts", "STS", judged.sts_mean, DESCRIPTIONS, _stored("sts_borrowed"), BORROWED, "sts"),
    Metric(
        "clipscore",
        "CLIPScore",
        judged.clipscore_mean,
        DESCRIPTIONS,
        _stored("clipscore_borrowed"),
        BORROWED,
        "clip",
        2,
    ),
    Metric("chair_instance", "CHAIR, instances", truth.chair_instance, EVERYTHING),
    Metric("chair_sentence", "CHAIR, texts", truth.chair_sentence, EVERYTHING),
    Metric("object_recall", "objects named", truth.object_recall, DESCRIPTIONS),
    Metric("hallucinated", "texts with a false claim", truth.hallucination_rate, EVERYTHING),
    Metric("box_precision", "boxes: precision", truth.box_accuracy, DESCRIPTIONS),
    Metric("box_recall", "boxes: recall", truth.box_recall, DESCRIPTIONS),
    Metric("count_error", "counts: mean distance", truth.count_error, EVERYTHING),
    Metric("count_claims", "counts claimed that are true", truth.count_claims, EVERYTHING),
    Metric(
        "reward_mean",
        "reward, mean",
        judged.reward_mean,
        EVERYTHING,
        _stored("reward_reference"),
        REFERENCE,
        "reward",
    ),
    Metric(
        "reward_median",
        "reward, median",
        judged.reward_median,
        EVERYTHING,
        _stored("reward_reference", values.median_score),
        REFERENCE,
        "reward",
    ),
    Metric(
        "win_rate",
        "win rate over the reference, by reward",
        judged.reference_win_rate,
        EVERYTHING,
        _half,
        "even",
        "reward",
    ),
    Metric("polite", "full sentences", truth.polite_rate, EVERYTHING, _reference_polite, REFERENCE),
    Metric("words", "words of a response", captions.mean_words, EVERYTHING, digits=1),
    Metric("repeated", "texts that say a sentence twice", captions.repeated_share, EVERYTHING),
)
"""All metrics, in the order of tables."""

ACCURACIES = frozenset(
    {
        "nli_accuracy",
        "exact_match",
        "label_named",
        "accuracy",
        "any_subject_accuracy",
        "yes_no_accuracy",
    }
)
"""Metrics beside which chance is shown."""


def _chance(metric: Metric, predictions: Sequence[Prediction]) -> MetricValue | None:
    if metric.name not in ACCURACIES:
        return None
    stored = metric.guess is guess.commonest_share  # compared with the first reference only
    return guess.chance(guess.first_reference(predictions) if stored else predictions)


def applicable(tasks: Iterable[str]) -> list[Metric]:
    """The metrics that fit at least one of `tasks`."""
    given = set(tasks)
    return [metric for metric in METRICS if metric.tasks & given]


def measure(predictions: Sequence[Prediction], *, leave_out: Iterable[str] = ()) -> list[Measured]:
    """Every metric that fits the predictions and has something to measure, with guess line and chance.

    Args:
        predictions: of one model; their tasks stand in ``meta["task"]``, and without one every metric is tried.
        leave_out: names of metrics, such as one whose package is not installed.

    Raises:
        DataError: a stored score is no finite number.
        MissingAsset: CIDEr fits and is not left out, and its package is not installed.
    """
    by_task: dict[str, list[Prediction]] = {}
    for item in predictions:
        by_task.setdefault(str(item.meta.get(TASK_KEY, "")), []).append(item)
    fitting = METRICS if "" in by_task else applicable(by_task)
    skipped = set(leave_out)
    found = []
    for metric in fitting:
        if metric.name in skipped:
            continue
        able = [item for item in predictions if item.meta.get(TASK_KEY, "") in metric.tasks | {""}]
        value = metric.function(able)
        if not value.n:
            continue
        if metric.name.startswith("yes_no"):
            able = [item for item in able if pope.truth_of(item) is not None]
        line = metric.guess(able) if metric.guess else None
        chance = _chance(metric, able)
        found.append(Measured(metric, value, line, chance))
    return found
