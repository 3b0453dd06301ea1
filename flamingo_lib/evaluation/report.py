"""The evaluation as one self-contained page, or as its parts: tables, pictures, answers to look at."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import pages
from .figures import matrix_plot, reward_plot, tax_plot, to_png, type_plot, u_plot
from .model_metrics import EvalSet, ModelMetrics
from .politeness import win_matrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """<style>
figure.plot{margin:12px 0}figure.plot img{max-width:100%;background:#fff;border-radius:6px}figure.plot figcaption{font-size:14px;opacity:.8}
.answers{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px}
.answers article{border:1px solid var(--line);border-radius:8px;padding:10px 12px;display:grid;grid-template-columns:84px 1fr;gap:4px 12px}
.answers img{width:84px;height:84px;border-radius:4px;grid-row:span 9}.answers p{margin:0;font-size:14px}.answers b{font-weight:600}
</style>"""
"""Put once before the parts, on a page of `flamingo_lib.pages`."""


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table; numbers stand right, floats get three decimals."""
    rows = [tuple(row) for row in rows]

    def is_number(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    def cell(value: Any, tag: str, right: bool) -> str:
        text = (
            f"{value:,}"
            if is_number(value) and isinstance(value, int)
            else f"{value:.3f}"
            if is_number(value)
            else escape(str(value))
        )
        return f"<{tag}{' class=n' if right else ''}>{text}</{tag}>"

    columns = [any(is_number(row[place]) for row in rows if place < len(row)) for place in range(len(head))]
    body = ""
    for tag, line in [("th", head), *(("td", row) for row in rows)]:
        body += "<tr>" + "".join(cell(value, tag, right) for value, right in zip(line, columns, strict=True)) + "</tr>"
    return f"<table class='fl'>{body}</table>"


def picture(figure: Figure, caption: str = "") -> str:
    """A figure as an inlined PNG with a caption."""
    data = base64.b64encode(to_png(figure)).decode()
    words = escape(caption, quote=True)
    return f"<figure class='plot'><img alt='{words}' src='data:image/png;base64,{data}'><figcaption>{words}</figcaption></figure>"


def stage_table(models: Sequence[ModelMetrics]) -> str:
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
    return table(head, rows)


def answer_cards(eval_set: EvalSet, models: Sequence[ModelMetrics], count: int = 12) -> str:
    """Questions with their picture, the truth, and what each model answers; spread over the question types."""
    cards = []
    for place in range(min(count, len(eval_set.held_in))):
        item = eval_set.held_in[place]
        data = base64.b64encode(Path(item.image).read_bytes()).decode()
        kind = "jpeg" if item.image.endswith((".jpg", ".jpeg")) else "png"
        answers = "".join(f"<p><b>{escape(model.name)}</b> {escape(model.answers[place])}</p>" for model in models)
        cards.append(
            f"<article><img alt='scene' src='data:image/{kind};base64,{data}'><p><b>{escape(item.question.text)}</b></p>"
            f"<p>truth: {escape(item.question.answer)}</p>{answers}</article>"
        )
    return f"<div class='answers'>{''.join(cards)}</div>"


def stage_sections(models: Mapping[str, ModelMetrics], eval_set: EvalSet | None = None) -> dict[str, str]:
    """The evaluation's parts by title, as HTML fragments that need `STYLE` only for their looks.

    Args:
        models: by stage name, in order; the tax needs ``stage1``, ``stage2`` and ``raw``.
        eval_set: for the pictures beside the answers; left out, no answers are shown.
    """
    shown = list(models.values())
    sections = {"Models": stage_table(shown)}
    if {"stage1", "stage2", "raw"} <= models.keys():
        caption = "What stage 2 does to a polite model, on rewritten and on raw annotations."
        sections["The alignment tax"] = picture(tax_plot(models["stage2"], models["raw"], models["stage1"]), caption)
    line = [model for model in shown if model.name != "raw"]
    if len(line) > 1:
        sections["The U"] = picture(u_plot(line), "The stages one after the other.")
    if len(shown) > 1:
        rewards = {model.name: model.rewards for model in shown}
        plots = picture(reward_plot(rewards), "Rewards of the same questions' answers.")
        names, matrix = win_matrix(rewards)
        sections["Politeness"] = plots + picture(
            matrix_plot(names, matrix, "how often the row's answer beats the column's")
        )
    by_type = {model.name: model.held_in.by_group for model in shown}
    sections["Right answers by question type"] = picture(type_plot(by_type, "right answers, known pairs"))
    if eval_set is not None:
        sections["Answers"] = answer_cards(eval_set, shown)
    return sections


def write_page(path: str | Path, sections: Mapping[str, str], *, title: str = "Evaluation", notes: str = "") -> Path:
    """Write a page of `sections` (title: HTML) that needs no other file; returns its path."""
    body = "".join(f"<h2>{escape(name)}</h2>{part}" for name, part in sections.items())
    return pages.write_page(path, title, STYLE, body, note=notes)
