"""The evaluation as one self-contained page, or as its parts: tables, pictures, answers to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import html
from ..errors import DataError
from ..html import Markup
from ..renamed import renamed
from .claims_table import claims_table
from .exhibit import Exhibit, plot
from .figures import matrix_plot, reward_plot, tax_plot, type_plot, u_plot
from .figures_judges import figure_11
from .figures_reward import figure_6
from .figures_u import figure_9
from .figures_wins import figure_8
from .model_metrics import EvalSet, ModelMetrics
from .politeness import win_matrix
from .predictions import Prediction
from .tables import table_1, table_2, table_3

CLAIMS = "Claims"
"""Title of the section that comes first where there is a study."""

EXHIBITS: dict[str, Callable[[Iterable[Prediction]], Exhibit]] = {
    "Figure 9: the U and the ablations": figure_9,
    "Figure 6: rewards of the data": figure_6,
    "Figure 8: win rates": figure_8,
    "Figure 11: judges against the truth": figure_11,
    "Table 1: captioning and VQA": table_1,
    "Table 2: several images": table_2,
    "Table 3: second generation": table_3,
}
"""The paper's tables and figures by title, in the order of the report."""


def report_sections(
    predictions: Iterable[Prediction],
    claims: Sequence[Mapping[str, Any]] | None = None,
    run: Mapping[str, Any] | None = None,
) -> dict[str, Markup]:
    """Every table and figure of the paper from stored predictions, by title; first the claims where they are given.

    A table whose predictions don't fit together, such as models that were asked different questions, is replaced by
    what is wrong with them; the others are shown.

    Args:
        predictions: of any models and pools; what is missing is said where it is missed.
        claims: as `claims_table` takes them.
        run: figures of one run by key, marked inside or outside the claims' intervals.

    Raises:
        DataError: a claim that can't be read.
    """
    given = list(predictions)
    sections = {} if claims is None else {CLAIMS: claims_table(claims, run)}
    for title, exhibit in EXHIBITS.items():
        try:
            sections[title] = exhibit(given).markup()
        except DataError as error:
            sections[title] = html.join([html.badge("can't be made", "bad"), html.message(str(error))])
    return sections


def stage_table(models: Sequence[ModelMetrics]) -> Markup:
    """One row a model."""
    head = (
        "model",
        "right, known pairs",
        "right, unseen pairs",
        "false claim",
        "polite",
        "median reward",
        "texts: polite",
    )
    rows = []
    for model in models:
        values = model.metrics()
        names = ("held_in_accuracy", "held_out_accuracy", "hallucinated", "polite", "reward", "text_polite")
        rows.append([model.name, *(values.get(f"stages.{model.name}.{name}", "–") for name in names)])
    return html.table(head, rows)


def answer_cards(eval_set: EvalSet, models: Sequence[ModelMetrics], count: int = 12) -> Markup:
    """Questions with their picture, the truth, and what each model answers; spread over the question types."""
    cards = []
    for index, item in enumerate(eval_set.held_in[:count]):
        image = html.image_bytes(
            Path(item.image).read_bytes(),
            alt=f"the scene asked about: {Path(item.image).name}",
            encoding="jpeg" if item.image.endswith((".jpg", ".jpeg")) else "png",
            width=84,
        )
        answers = [(model.name, model.answers[index]) for model in models]
        rows = html.definitions([("truth", item.question.answer), *answers])
        cards.append(html.card(item.question.text, rows, media=[image]))
    return html.grid(cards)


def stage_sections(models: Mapping[str, ModelMetrics], eval_set: EvalSet | None = None) -> dict[str, Markup]:
    """The evaluation's parts by title.

    Args:
        models: by stage name, in order; the tax needs ``stage1``, ``stage2`` and ``raw``.
        eval_set: for the pictures beside the answers; left out, no answers are shown.
    """
    shown = list(models.values())
    sections = {"Models": stage_table(shown)}
    if {"stage1", "stage2", "raw"} <= models.keys():
        caption = "What stage 2 does to a polite model, on rewritten and on raw annotations."
        sections["The alignment tax"] = plot(tax_plot(models["stage2"], models["raw"], models["stage1"]), caption)
    line = [model for model in shown if model.name != "raw"]
    if len(line) > 1:
        sections["The U"] = plot(u_plot(line), "The stages one after the other.")
    if len(shown) > 1:
        rewards = {model.name: model.rewards for model in shown}
        names, matrix = win_matrix(rewards)
        sections["Politeness"] = html.join(
            [
                plot(reward_plot(rewards), "Rewards of the same questions' answers."),
                plot(matrix_plot(names, matrix, "how often the row's answer beats the column's")),
            ]
        )
    by_type = {model.name: model.held_in.by_group for model in shown}
    sections["Right answers by question type"] = plot(type_plot(by_type, "right answers, known pairs"))
    if eval_set is not None:
        sections["Answers"] = answer_cards(eval_set, shown)
    return sections


def write_page(path: str | Path, sections: Mapping[str, Markup], *, title: str = "Evaluation", notes: str = "") -> Path:
    """Write a page of `sections` by their titles that needs no other file; returns its path."""
    return html.write_page(path, title, *(html.section(name, part) for name, part in sections.items()), note=notes)


__getattr__ = renamed(__name__, picture=plot, table=html.table)
