"""Packing strategies side by side on one mixture: how full windows are, what is cut, how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..config import StageConfig
from .dataset import WindowDataset
from .packing import STRATEGIES, plan_windows
from .strips import to_html
from .table import TokenTable
from .windows import PackingReport


def compare_strategies(table: TokenTable, stage: StageConfig, *, seed: int, context_length: int | None = None) -> dict[str, PackingReport]:
    """The report of each strategy's first epoch, at the stage's context length or another."""
    sizes = table.sizes
    reports = {}
    for strategy in STRATEGIES:
        plan = plan_windows(
            sizes,
            strategy=strategy,
            context_length=context_length or stage.context_length,
            max_images=stage.max_images,
            header=len(table.header),
            seed=seed,
            batch_size=stage.batch_size,
            names=table.names,
        )
        reports[strategy] = plan.report(sizes)
    return reports


def packing_metrics(reports: Mapping[str, PackingReport], packing: str = "best_fit") -> dict[str, float]:
    """Window fill under its keys of ``metrics.json``: one sample a window, and the multi-turn strategy in use."""
    return {"packing.fill.none": reports["none"].fill, "packing.fill.multi_turn": reports[packing].fill}


def strategy_table(reports: Mapping[str, PackingReport]) -> list[tuple[str, ...]]:
    """Rows for people, the head first: fill, cut responses, samples, images and supervised tokens a window."""
    head = ("strategy", "windows", "fill", "cut responses", "left out", "samples a window", "images a window", "supervised tokens a window")
    return [
        head,
        *(
            (
                name,
                f"{report.windows:,}",
                f"{report.fill:.1%}",
                f"{report.cut_responses:,}",
                f"{report.left_out:,}",
                f"{report.samples_a_window:.2f}",
                f"{report.images_a_window:.2f}",
                f"{report.labels_a_window:.0f}",
            )
            for name, report in reports.items()
        ),
    ]


def strategy_strips(
    table: TokenTable,
    stage: StageConfig,
    *,
    seed: int,
    image_token_id: int | None = None,
    windows: int = 8,
    strategies: Sequence[str] = STRATEGIES,
) -> str:
    """The first windows of each strategy as coloured strips (HTML)."""
    parts = []
    for strategy in strategies:
        dataset = WindowDataset(table, stage.model_copy(update={"packing": strategy}), seed=seed)
        rows = [dataset[index] for index in range(min(windows, len(dataset.plan(0))))]
        parts.append(to_html(rows, context_length=stage.context_length, image_token_id=image_token_id, title=strategy.replace("_", " ")))
    return "".join(parts)
