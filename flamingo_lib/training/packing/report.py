"""Packing strategies side by side on one mixture: how full windows are, what is truncated, and sample windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import StageConfig
from ...html import Markup, join
from ...html import table as html_table
from .dataset import WindowDataset
from .plan import PackingReport
from .plot import window_chart
from .strategies import STRATEGIES, plan_windows
from .tokenized import TokenTable

Reports = Mapping[int, Mapping[str, PackingReport]]
"""Context length -> strategy -> report."""


def compare_strategies(
    table: TokenTable, stage: StageConfig, *, seed: int, context_length: int | None = None
) -> dict[str, PackingReport]:
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
    """Window fill under its keys of ``metrics.json``: a sample a window, the paper's way, and the strategy in use."""
    return {
        "packing.fill.none": reports["none"].fill,
        "packing.fill.random_fill": reports["random_fill"].fill,
        "packing.fill.multi_turn": reports[packing].fill,
    }


def strategy_table(reports: Reports, rates: Mapping[tuple[int, str], float] | None = None) -> list[tuple[str, ...]]:
    """Rows for people, the head first, by context length and strategy.

    Args:
        reports: context length -> strategy -> report.
        rates: supervised tokens a second by context length and strategy, where they were measured.
    """
    head: tuple[str, ...] = (
        "context",
        "strategy",
        "windows",
        "fill",
        "cut responses",
        "left out",
        "samples a window",
        "images a window",
    )
    head += ("supervised tokens a window", *(("supervised tokens a second",) if rates else ()))
    rows: list[tuple[str, ...]] = [head]
    for length, by_strategy in reports.items():
        for name, report in by_strategy.items():
            row: tuple[str, ...] = (
                f"{length:,}",
                name,
                f"{report.windows:,}",
                f"{report.fill:.1%}",
                f"{report.cut_responses:,}",
                f"{report.left_out:,}",
            )
            row += (f"{report.samples_a_window:.2f}", f"{report.images_a_window:.2f}", f"{report.labels_a_window:.0f}")
            rows.append((*row, f"{rates[length, name]:,.0f}") if rates else row)
    return rows


def strategy_html(reports: Reports, rates: Mapping[tuple[int, str], float] | None = None) -> Markup:
    """The same as a table in HTML."""
    head, *rows = strategy_table(reports, rates)
    return html_table(head, rows)


def strategy_strips(
    table: TokenTable,
    stage: StageConfig,
    *,
    seed: int,
    image_token_id: int | None = None,
    windows: int = 8,
    strategies: Sequence[str] = STRATEGIES,
) -> Markup:
    """The first windows of each strategy as coloured strips (HTML)."""
    parts = []
    for strategy in strategies:
        dataset = WindowDataset(table, stage.model_copy(update={"packing": strategy}), seed=seed)
        rows = [dataset[index] for index in range(min(windows, len(dataset), len(dataset.plan(0))))]
        parts.append(
            window_chart(
                rows,
                context_length=stage.context_length,
                image_token_id=image_token_id,
                title=strategy.replace("_", " "),
            )
        )
    return join(parts)
