"""The rewrite bench: a draft of one's own, with its picture, without it or with another, rewritten and judged.

`rewrite_view` shows one rewrite; `RewriteBench` has controls for it; `bench_writer` makes what writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from ..filters.nli import bare_question
from ..html import Markup, card, definitions, message, picture, standalone
from ..pipeline.record_html import SampleImages, marked_difference
from ..records import VQA_TASKS, Sample
from ..text import is_blank
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..judges.panel import Judges
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor

Writer = Callable[[Sample, "Sequence[Image]", float, int], str]
"""From a sample with its draft, the images to be read, a temperature and a seed to the rewrite."""

OWN, NONE, ANOTHER = "its own", "none", "another"
LONGEST_DRAFT = 600
"""Characters of a draft; longer ones would not answer at once."""


def bench_writer(
    model: FlamingoForConditionalGeneration, processor: FlamingoProcessor, max_new_tokens: int = 160
) -> Writer:
    """A rewriter for one sample at a time, with the images that are given instead of the sample's own."""
    from ..config import RewritingConfig
    from ..rewriting.backends.flamingo import FlamingoRewriter

    def write(sample: Sample, images: Sequence[Image], temperature: float, seed: int) -> str:
        config = RewritingConfig(max_new_tokens=max_new_tokens, temperature=temperature)
        shown = replace(sample, images=tuple(str(number) for number, _ in enumerate(images)))
        return FlamingoRewriter(model, processor, lambda _: list(images), config, seed=seed).rewrite([shown])[0].output

    return write


def rewrite_view(
    sample: Sample, output: str | None, images: Sequence[Image] = (), judges: Judges | None = None
) -> Markup:
    """One rewrite with the difference marked, the picture that was read, and what NLI and reward say.

    Args:
        sample: its `raw` is the draft.
        output: the rewrite; None while it is written.
        images: those that were read.
        judges: NLI is asked of answers only; a judge that is None is left out.
    """
    before, after = (sample.raw, "being written …") if output is None else marked_difference(sample.raw, output)
    rows: list[tuple[str, str]] = [("instruction", sample.instruction), ("draft", before), ("rewrite", after)]
    if output is not None and judges is not None and judges.nli is not None and sample.task in VQA_TASKS:
        logits = np.asarray(judges.nli([bare_question(sample)], [sample.raw], [output])[0], np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        names = ("contradicts", "entails", "leaves open")
        rows.append(("NLI", ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True))))
    if output is not None and judges is not None and judges.reward is not None:
        old, new = judges.reward([sample.instruction] * 2, [sample.raw, output])
        rows.append(("reward", f"draft {old:.2f}, rewrite {new:.2f}"))
    media = [picture(image, alt=f"image {number} that was read") for number, image in enumerate(images, start=1)]
    note = "" if images else "written without a picture"
    return card("one rewrite", definitions(rows), media=media, note=note)


class RewriteBench(StaticFrame):
    """Rewrites a draft that can be typed, with its picture, without one or with another sample's.

    Args:
        write: the rewriter, such as `bench_writer` makes.
        samples: to choose from.
        images: opens a sample's images.
        judges: see `rewrite_view`.
    """

    def __init__(
        self, write: Writer, samples: Sequence[Sample], images: SampleImages, judges: Judges | None = None
    ) -> None:
        self.write, self.samples, self.images, self.judges = write, list(samples), images, judges
        self._written: dict[tuple[int, str, str, float, int], str] = {}
        options = [(f"{item.instruction[:48]} → {item.raw[:24]}", index) for index, item in enumerate(self.samples)]
        self.sample = widgets.Dropdown(description="sample", options=options)
        self.draft = widgets.Textarea(description="draft", value=self.samples[0].raw, continuous_update=False)
        self.image = widgets.Dropdown(description="picture", options=[OWN, NONE, ANOTHER])
        self.temperature = widgets.FloatSlider(
            description="temperature", value=0, min=0, max=2, step=0.25, continuous_update=False
        )
        self.seed = widgets.IntSlider(description="draw", value=0, min=0, max=20, continuous_update=False)
        self.sample.observe(self._fill, names="value")
        super().__init__([self.sample, self.draft, self.image, self.temperature, self.seed])

    def _fill(self, _change: object) -> None:
        self.draft.value = self.samples[self.sample.value].raw

    def _shown(self, index: int) -> list[Image]:
        """The images that the choice gives the rewriter to read."""
        sample = self.samples[index]
        if self.image.value == NONE or not sample.images:
            return []
        if self.image.value == ANOTHER:
            others = (self.samples[(index + step) % len(self.samples)] for step in range(1, len(self.samples)))
            fitting = (
                item for item in others if len(item.images) == len(sample.images) and item.images != sample.images
            )
            sample = next(fitting, sample)
        return list(self.images(sample))

    def to_html(self) -> Markup:
        """`rewrite_view` of the choice."""
        index, draft = self.sample.value, self.draft.value
        if is_blank(draft) or len(draft) > LONGEST_DRAFT:
            return message(f"Type a draft of at most {LONGEST_DRAFT} characters.")
        sample, shown = replace(self.samples[index], raw=draft), self._shown(index)
        choice = (index, draft, self.image.value, self.temperature.value, self.seed.value)
        if choice not in self._written:
            self.view.value = standalone(rewrite_view(sample, None, shown))
            self._written[choice] = self.write(sample, shown, self.temperature.value, self.seed.value)
        return rewrite_view(sample, self._written[choice], shown, self.judges)
