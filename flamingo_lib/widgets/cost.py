"""The cost viewer: memory, steps, hours and price of a stage, by GPUs, batch and context length.

`cost_view` shows one plan; `CostViewer` has controls for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ipywidgets as widgets

from ..errors import FlamingoError
from ..html import Markup, badge, bars, definitions, join, message
from ..training.resource_plan import FRAGMENTATION, TERAFLOPS, plan_stage
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from ..config import ModelConfig, StageConfig
    from ..model.config import FlamingoConfig

GPUS = (1, 2, 4, 8, 16, 32, 64)
MEMORY = (16, 24, 32, 40, 48, 80, 141)
"""Gigabytes of a GPU to choose from."""


def cost_view(
    name: str,
    stage: StageConfig,
    model: ModelConfig,
    *,
    gpus: int,
    memory: float,
    price: float,
    teraflops: float = TERAFLOPS,
    config: FlamingoConfig | None = None,
) -> Markup:
    """The plan of a stage: what fills a GPU's memory, whether it fits, how long it takes and what that costs.

    Args:
        name, stage, model, gpus, memory, teraflops, config: see `resource_plan.plan_stage`.
        price: of a GPU for an hour, in whatever currency.
    """
    plan = plan_stage(name, stage, model, gpus=gpus, memory=memory, teraflops=teraflops, config=config)
    parts = {what: FRAGMENTATION * value for what, value in plan.memory.items() if value}
    rows = [(what, value, f"{value:.1f} GB") for what, value in parts.items()]
    chart = bars(rows, label=f"{name}: {plan.total:.1f} of {memory:g} GB on each GPU", whole=memory)
    hours = plan.hours + plan.feature_hours
    fits = badge("fits", "good") if plan.fits else badge(f"{plan.total - memory:.1f} GB too much", "bad")
    twice = "computed twice, to save memory" if plan.checkpointing else "kept"
    told = [
        ("memory", fits),
        ("micro batch", f"{plan.micro_batch_size} windows a GPU at a time; activations are {twice}"),
        ("optimizer steps", f"{plan.steps:,} of {stage.batch_size:,} windows"),
        ("time", f"{hours:,.1f} hours, {gpus * hours:,.0f} GPU-hours"),
        ("cost", f"{gpus * hours * price:,.0f} at {price:g} a GPU-hour"),
    ]
    return join([definitions(told), chart])


class CostViewer(StaticFrame):
    """Cost of the stages by GPUs, their memory, batch, context length and price.

    Args:
        stages: rows of a preset by name; the first is shown at first.
        model: the preset's model settings.
        config: of the base model.
        gpus, memory: shown at first.
        price: of a GPU for an hour, shown at first.
    """

    def __init__(
        self,
        stages: Mapping[str, StageConfig],
        model: ModelConfig,
        *,
        config: FlamingoConfig | None = None,
        gpus: int = 8,
        memory: int = 40,
        price: float = 2.0,
    ) -> None:
        self.stages, self.settings, self.config = dict(stages), model, config
        self.stage = widgets.Dropdown(description="stage", options=list(self.stages))
        self.gpus = _slider("GPUs", GPUS, gpus)
        self.memory = _slider("GB a GPU", MEMORY, memory)
        first = next(iter(self.stages.values()))
        self.batch = _slider("batch", _around(first.batch_size), first.batch_size)
        self.context = _slider("context", _around(first.context_length), first.context_length)
        self.price = widgets.BoundedFloatText(description="price", value=price, min=0, max=1000, step=0.1)
        super().__init__([self.stage, self.gpus, self.memory, self.batch, self.context, self.price])
        self.stage.observe(lambda _: self._own_values(), names="value")

    def _own_values(self) -> None:
        """Set batch and context length to those of the chosen stage."""
        stage = self.stages[self.stage.value]
        for slider, value in ((self.batch, stage.batch_size), (self.context, stage.context_length)):
            with self.hold_sync():
                slider.options = _around(value)
                slider.value = value
        self.refresh()

    def to_html(self) -> Markup:
        """`cost_view` of the choice, or why there is none."""
        stage = self.stages[self.stage.value].model_copy(
            update={"batch_size": self.batch.value, "context_length": self.context.value}
        )
        try:
            return cost_view(
                self.stage.value,
                stage,
                self.settings,
                gpus=self.gpus.value,
                memory=self.memory.value,
                price=self.price.value,
                config=self.config,
            )
        except FlamingoError as error:
            return message(str(error))


def _slider(name: str, options: tuple[int, ...], value: int) -> widgets.SelectionSlider:
    return widgets.SelectionSlider(description=name, options=options, value=value, continuous_update=False)


def _around(value: int) -> tuple[int, ...]:
    """A value with its halves and doubles, to a quarter and four times of it."""
    return tuple(sorted({max(1, value // 4), max(1, value // 2), value, 2 * value, 4 * value}))
