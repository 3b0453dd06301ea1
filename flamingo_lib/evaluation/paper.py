"""The paper's numbers: its tables and figures as far as the public preprint gives them (docs/method.md, section 6).

They stand in ``paper_numbers.json`` beside this module, with where and how they were read: most from the text, the
rewards of figure 9 and the bars of figure 11 off the drawings. Nothing here was measured by this library.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..storage import read_json

PATH = Path(__file__).with_name("paper_numbers.json")

PAPER_STAGES = {
    "stage1": "stage 1",
    "stage2": "stage 2",
    "stage3": "stage 3",
    "raw": "raw annotation",
    "no_stage1": "no stage 1",
    "unfrozen_lora": "unfreeze LoRA",
    "unfrozen_vit": "unfreeze ViT",
    "twice_epochs": "6 epochs",
    "low_resolution": "224 resolution",
}
"""Models of stored predictions to the paper's rows of figure 9."""


@cache
def paper_numbers() -> dict[str, Any]:
    """Everything in the file, as plain JSON values; don't change it."""
    return read_json(PATH)


def paper_table(number: int) -> tuple[list[str], dict[str, list[float]]]:
    """Columns and rows, by model, of table 1 or 2.

    Rouge-L is in percent in table 1 and a fraction in table 2; NLI accuracy and STS are in percent.
    """
    table = paper_numbers()[f"table_{number}"]
    return list(table["columns"]), dict(table["rows"])


def paper_generations() -> dict[str, list[float]]:
    """Table 3: mean reward, unchanged share (0 to 1) and CLIPScore of each generation of the rewriter."""
    table = paper_numbers()["table_3"]
    return {name: values for name, values in table.items() if name != "columns"}


def paper_median_rewards() -> dict[str, float]:
    """Figure 6: median reward by dataset."""
    return dict(paper_numbers()["figure_6_median_reward"])


def paper_win_matrix() -> tuple[list[str], np.ndarray, int]:
    """Figure 8: models, win rates (k, k) of the row over the column, 0 to 1, and samples behind each."""
    figure = paper_numbers()["figure_8"]
    return list(figure["models"]), np.array(figure["row_beats_column_percent"]) / 100, int(figure["samples"])


def paper_u(model: str) -> tuple[float, float, float] | None:
    """Figure 9: NLI accuracy held-in and held-out (0 to 1) and mean reward; None of a model that the paper lacks."""
    row = paper_numbers()["figure_9"].get(PAPER_STAGES.get(model, ""))
    return (row[0], row[1], row[2]) if row else None


def paper_judged() -> tuple[dict[str, list[float]], int]:
    """Figure 11: matched and correct by people, entailed by NLI (of so many answers), and Rouge-L, by model."""
    figure = paper_numbers()["figure_11"]
    rows = {name: row for name, row in figure.items() if name != "columns" and isinstance(row, list)}
    return rows, int(figure["of"])
