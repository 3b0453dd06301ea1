"""The window viewer: training windows as strips, by strategy, context length and image limit.

`windows_view` draws one plan; `WindowViewer` has controls for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from ..chat.token_view import TokenRow, token_view
from ..errors import FlamingoError
from ..html import Markup, details, join, message
from ..training.packing.dataset import window_row
from ..training.packing.plot import window_chart
from ..training.packing.strategies import STRATEGIES, plan_windows
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..training.packing.tokenized import TokenTable


def windows_view(
    table: TokenTable,
    tokenizer: PreTrainedTokenizerBase,
    *,
    strategy: str,
    context_length: int,
    max_images: int,
    seed: int = 0,
    windows: int = 8,
    opened: int = 0,
) -> Markup:
    """The first windows of a plan as strips, its fill in a sentence, and the tokens of one window.

    Args:
        table: the samples.
        tokenizer: decodes the tokens.
        strategy, context_length, max_images, seed: of `plan_windows`.
        windows: how many are drawn.
        opened: the window whose tokens are shown, from 0.
    """
    sizes = table.sizes
    plan = plan_windows(
        sizes,
        strategy=strategy,
        context_length=context_length,
        max_images=max_images,
        header=len(table.header),
        seed=seed,
        names=table.names,
    )
    report = plan.report(sizes)
    rows = [window_row(table, *plan.window(index)) for index in range(min(windows, len(plan)))]
    image = tokenizer.convert_tokens_to_ids("<image>")
    chart = window_chart(
        rows, context_length=context_length, image_token_id=int(image), title=strategy.replace("_", " ")
    )
    row = rows[min(opened, len(rows) - 1)]
    tokens = [
        TokenRow(str(tokenizer.decode([token])), bool(label), int(seen))
        for token, label, seen in zip(row.ids.tolist(), row.labelled, row.attended, strict=True)
    ]
    summary = (
        f"All {len(sizes):,} samples: {report.windows:,} windows, {report.fill:.0%} filled, {report.cut_responses:,} "
        f"responses cut, {report.left_out:,} samples left out, {report.labels_a_window:.0f} supervised tokens a window."
    )
    number = min(opened, len(rows) - 1) + 1
    return join([chart, message(summary), details(f"Tokens of window {number}", token_view(tokens))])


class WindowViewer(StaticFrame):
    """Windows by strategy, context length and image limit; a slider opens one of them.

    Args:
        table, tokenizer, seed: see `windows_view`.
        context_lengths: the lengths to choose from; the first is shown at first.
        max_images: the greatest image limit, shown at first.
    """

    def __init__(
        self,
        table: TokenTable,
        tokenizer: PreTrainedTokenizerBase,
        *,
        context_lengths: tuple[int, ...] = (256, 128, 196, 384, 512),
        max_images: int = 4,
        seed: int = 0,
    ) -> None:
        self.table, self.tokenizer, self.seed = table, tokenizer, seed
        names = [(name.replace("_", " "), name) for name in STRATEGIES]
        self.strategy = widgets.Dropdown(description="strategy", options=names, value="best_fit")
        self.context_length = widgets.SelectionSlider(
            description="context", options=sorted(context_lengths), value=context_lengths[0], continuous_update=False
        )
        self.max_images = widgets.IntSlider(
            description="images", value=max_images, min=1, max=max_images, continuous_update=False
        )
        self.opened = widgets.IntSlider(description="window", value=1, min=1, max=8, continuous_update=False)
        super().__init__([self.strategy, self.context_length, self.max_images, self.opened])

    def to_html(self) -> Markup:
        """`windows_view` of the choice, or why there is none."""
        try:
            return windows_view(
                self.table,
                self.tokenizer,
                strategy=self.strategy.value,
                context_length=self.context_length.value,
                max_images=self.max_images.value,
                seed=self.seed,
                opened=self.opened.value - 1,
            )
        except FlamingoError as error:
            return message(str(error))
