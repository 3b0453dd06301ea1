"""How well windows are filled, with one turn each and with several (METHOD section 5)."""

from __future__ import annotations

from typing import Any

from ...config import Preset
from ..step import Job, Step
from .mixtures import mixture_examples, mixture_inputs
from .training import base_files

STAGE = "stage1"
STRATEGIES = ("none", "random_fill", "best_fit")
SHOWN = 12
"""Windows drawn in the report."""


def packing_step(preset: Preset) -> Step:
    """Packs the data of stage 1 in every way."""

    def run(job: Job) -> dict[str, Any]:
        """Write ``packing.json``, and the windows drawn as strips for the report."""
        from dataclasses import asdict

        from ...chat.template import IMAGE
        from ...storage import write_json
        from ...training.dataset import WindowDataset
        from ...training.stages import example_template, load_base
        from ...training.strips import to_html
        from ...training.table import build_table

        stage = job.preset.stages[STAGE]
        _, processor = load_base(job.preset.model.base)
        table = build_table(mixture_examples(stage.mixture, job), example_template(processor), max_tokens=stage.context_length - 64)
        reports, strips = {}, []
        for strategy in STRATEGIES:
            dataset = WindowDataset(table, stage.model_copy(update={"packing": strategy}), seed=job.seed)
            reports[strategy] = asdict(dataset.plan(0).report(table.sizes))
            rows = [dataset[number] for number in range(min(SHOWN, len(dataset)))]
            image = processor.tokenizer.convert_tokens_to_ids(IMAGE)
            strips.append(to_html(rows, context_length=stage.context_length, image_token_id=image, title=strategy))
        write_json(job.folder / "packing.json", reports)
        (job.folder / "report").mkdir()
        (job.folder / "report" / "1_windows.html").write_text("".join(strips), encoding="utf-8")
        return {
            "packing.fill.none": reports["none"]["fill"],
            "packing.fill.random_fill": reports["random_fill"]["fill"],
            "packing.fill.multi_turn": reports[preset.stages[STAGE].packing]["fill"],
        }

    stage = preset.stages[STAGE]
    return Step(
        "packing",
        "fill windows with turns",
        run,
        inputs=mixture_inputs(stage.mixture),
        config=("sources.root", "model", f"stages.{STAGE}"),
        assets=base_files,
    )
