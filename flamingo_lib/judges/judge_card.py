"""Model cards of the tiny judges: what each is, what it was trained on, how well it judges unseen examples."""

from __future__ import annotations

from typing import Any

from .reward_grades import REWARD_PER_GRADE

METRICS = "metrics.json"
NAMES = {"nli": "nli-tiny", "reward": "reward-tiny"}
"""The folders of the judges, as the preset name `tiny` finds them."""

_WHAT = {
    "nli": "tells whether a rewritten answer contradicts, entails or leaves open the original answer to a question, "
    "and the same of one statement about a scene and another",
    "reward": "scores how much people would like a response to an instruction; only differences have a meaning",
}

_GRADES = f"""
## Grades

It was trained on graded preferences, a Bradley-Terry loss over pairs of responses to one instruction. The grades come
from how a response was made, not from people:

| grade | response |
|---|---|
| 0 | broken: typos and lost words, cut off, running in circles, mixed-up phrases, the prompt in it |
| 1 | a curt annotation of any length; or a fluent response that contradicts itself or is about something else |
| 2 | a plain sentence that answers; 2.25 with an opener or a closing, 2.5 with both |
| 3 | a sentence and at least one fact or reason; an opener adds 0.5, an offer of help 0.5, another closing 0.25 |
| 4 | the full helpful answer: an opener, the answer, facts or a reason, an offer of help |

A response one grade better is preferred with log-odds {REWARD_PER_GRADE:g} (by 88 of 100 raters), so rewards of
neighbouring grades should lie {REWARD_PER_GRADE:g} apart. That share is a choice of this training, not a measurement.
The judge sees no image: a false response counts as false only where its own text, or the instruction, shows it.
"""


def judge_card(role: str, figures: dict[str, Any]) -> str:
    """A judge's ``README.md``.

    Args:
        role: a key of `NAMES`.
        figures: of `judge_metrics.nli_quality` or `reward_quality`, with what is known of the training.
    """
    rows = [[name.replace("_", " "), value] for name, value in figures.items() if isinstance(value, (int, float))]
    parts = [
        f"# {NAMES[role]}\n",
        f"A cross-encoder that {_WHAT[role]}. It knows the Scenes world only: small, quick, and of no use on other "
        "texts.",
        "Made by `flamingo train-judges` from examples drawn from Scenes with known truth, on seeds that no pool of "
        "scenes uses.",
        *([_GRADES] if role == "reward" else [""]),
        _table([f"held-out figure ({figures['examples']:,} unseen examples)", "value"], rows),
        *(_reward_tables(figures) if role == "reward" else []),
        _table(["accuracy by kind of example", "value"], [[*row] for row in figures["by_kind"].items()]),
        *(_style_tables(figures["by_style"]) if role == "nli" and "by_style" in figures else []),
        *(_statement_tables(figures["statements"]) if "statements" in figures else []),
        f"Failures, labels and more figures: `{METRICS}`. Licence: Apache-2.0.\n",
    ]
    return "\n".join(parts)


def _style_tables(figures: dict[str, Any]) -> list[str]:
    """How often the NLI judge sees right and wrong answers of each style as such."""
    rows = [[name, row["sensitivity"], row["specificity"], row["answers"]] for name, row in figures.items()]
    return [_table(["style of answer, reference", "right: entailed", "wrong: not entailed", "answers"], rows)]


def _statement_tables(figures: dict[str, Any]) -> list[str]:
    """What the NLI judge makes of plain statements."""
    rows = [[name.replace("_", " "), value] for name, value in figures.items() if isinstance(value, (int, float))]
    kinds = [[f"accuracy: {name}", value] for name, value in figures["by_kind"].items()]
    return [_table(["plain statements", "value"], [*rows, *kinds])]


def _reward_tables(figures: dict[str, Any]) -> list[str]:
    """Accuracy between neighbouring grades, rewards by grade and style, calibration."""
    spread = ("mean", "median", "lower_quartile", "upper_quartile")
    heads = [name.replace("_", " ") for name in spread]
    return [
        _table(["accuracy between grades", "value"], [[*row] for row in figures["by_neighbours"].items()]),
        _table(
            ["grade", "responses", *heads, "correlation with length"],
            [
                [grade, row["responses"], *(row[name] for name in spread), row["length_correlation"]]
                for grade, row in figures["by_grade"].items()
            ],
        ),
        _table(
            ["style (answers to questions)", *heads, "words"],
            [[style, *(row[name] for name in spread), row["words"]] for style, row in figures["by_style"].items()],
        ),
        _table(
            ["predicted preference", "share of raters", "pairs"],
            [[row["predicted"], row["share"], row["pairs"]] for row in figures["reliability"]],
        ),
        _table(["accuracy by task", "value"], [[*row] for row in figures["by_task"].items()]),
    ]


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows), ""])
