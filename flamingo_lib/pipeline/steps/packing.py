"""Step: measure how full windows are, with one turn each and with several (docs/method.md, section 5)."""

from __future__ import annotations

from typing import Any

from ...config import Preset
from ..step import Job, Step
from .base import base_files, base_inputs, base_of
from .mixtures import mixture_examples, mixture_inputs

STAGE = "stage1"
LENGTHS = (512, 1024)
"""Contexts that are planned besides the stage's own."""
SHOWN = 12
"""Windows of each strategy drawn in the report."""


def packing_step(preset: Preset) -> Step:
    """Packs the data of stage 1 in every way."""

    def run(job: Job) -> dict[str, Any]:
        """Write ``packing.json`` (metrics by strategy), and the report's windows as strips and table by context."""
        from dataclasses import asdict

        from ...chat.template import IMAGE
        from ...html import write_fragment
        from ...storage import write_json
        from ...training.packing.report import compare_strategies, packing_metrics, strategy_html, strategy_strips
        from ...training.packing.tokenized import build_table
        from ...training.stages import example_template, load_base

        stage = job.preset.stages[STAGE]
        _, processor = load_base(base_of(job), optimize=False)
        table = build_table(
            mixture_examples(stage.mixture, job), example_template(processor), max_tokens=stage.context_length - 64
        )
        contexts = dict.fromkeys((stage.context_length, *LENGTHS))
        reports = {
            length: compare_strategies(table, stage, seed=job.seed, context_length=length) for length in contexts
        }
        own = reports[stage.context_length]
        write_json(job.folder / "packing.json", {name: asdict(report) for name, report in own.items()})
        image = processor.tokenizer.convert_tokens_to_ids(IMAGE)
        strips = strategy_strips(table, stage, seed=job.seed, image_token_id=image, windows=SHOWN)
        (job.folder / "report").mkdir()
        write_fragment(job.folder / "report" / "1_windows.html", strips)
        write_fragment(job.folder / "report" / "2_windows_by_context_length.html", strategy_html(reports))
        return packing_metrics(own, stage.packing)

    stage = preset.stages[STAGE]
    return Step(
        "packing",
        "fill windows with turns",
        run,
        inputs=(*base_inputs(preset), *mixture_inputs(stage.mixture)),
        config=("sources.root", "model", f"stages.{STAGE}"),
        assets=None if base_inputs(preset) else base_files,
    )
