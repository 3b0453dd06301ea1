"""Old module names that still import, with a `DeprecationWarning` that says the new one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "chat.explain": "chat.token_view",
    "chat.media": "media",
    "chat.session": "serving.session",
    "cli.train_windows": "cli.windows",
    "distortion.asking": "distortion.question_type",
    "distortion.courtesy": "distortion.politeness_phrases",
    "distortion.operations": "distortion.style_operations",
    "distortion.rules": "distortion.rule_backend",
    "evaluation.answering": "evaluation.chat_generator",
    "evaluation.stages": "evaluation.model_metrics",
    "filters.quality": "filters.filter_metrics",
    "filters.truth": "filters.ground_truth",
    "judges.assets": "hub",
    "judges.faults": "judges.degenerate_text",
    "judges.fixed_shapes": "judges.batching",
    "judges.quality": "judges.judge_metrics",
    "judges.segments": "text",
    "model.cache": "model.generation",
    "model.checkpoint_files": "weight_files",
    "model.checkpoint_names": "model.checkpoints.names",
    "model.folder": "loading",
    "model.generate": "model.generation",
    "model.images": "model.image_processor",
    "model.initialise": "model.flamingo",
    "model.inputs": "model.conditioning",
    "model.layers": "model.decoder_layer",
    "model.media": "media",
    "model.parity": "evaluation.parity",
    "pages": "html",
    "pipeline.cards": "pipeline.record_html",
    "pipeline.code": "code_hash",
    "pipeline.explain": "pipeline.find_record",
    "pipeline.machine": "pipeline.environment",
    "pipeline.outputs": "pipeline.notebook_outputs",
    "pipeline.pf1m": "pf1m.build",
    "pipeline.pf1m_sources": "pf1m.sources",
    "pipeline.pf1m_work": "pf1m.worker",
    "pipeline.relay": "pipeline.progress_relay",
    "pipeline.steps.images": "sources.image_files",
    "pipeline.steps.materialized_images": "sources.image_files",
    "pipeline.workspace": "pipeline.run_folder",
    "presets.settings": "presets.overrides",
    "rewriting.dataset": "pf1m.parquet",
    "rewriting.distributed": "rewriting.executors.ray",
    "rewriting.identity": "rewriting.job_config",
    "rewriting.pf1m": "pf1m.record",
    "rewriting.workers": "rewriting.executors.local",
    "scenes.reading": "scenes.text_parser",
    "scenes.truth": "scenes.ground_truth",
    "sources.places": "sources.locator",
    "sources.reading": "sources.reader",
    "sources.row": "sources.catalog.spec",
    "sources.rows": "sources.catalog",
    "training.comparison": "training.packing.report",
    "training.dataset": "training.packing.dataset",
    "training.features": "training.feature_cache",
    "training.planning": "training.resource_plan",
    "training.pretrain": "pretraining.language",
    "training.pretrain_card": "pretraining.card",
    "training.pretrain_clip": "pretraining.clip",
    "training.pretrain_documents": "pretraining.data",
    "training.pretrain_run": "pretraining.run",
    "training.pretrain_vision": "pretraining.vision",
    "training.shape": "training.model_cost",
    "training.speed": "training.throughput",
    "training.strips": "training.packing.plot",
    "training.table": "training.packing.tokenized",
    "training.visuals": "training.visual_inputs",
    "training.windows": "training.packing.plan",
}
"""Old name to new name, both below the package."""

PACKAGE = __name__.rpartition(".")[0]


class MovedFinder(MetaPathFinder, Loader):
    """Finds a moved module under its old name; what is imported is the new module itself, not a copy."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for an old name, None for any other."""
        known = fullname.startswith(f"{PACKAGE}.") and fullname.removeprefix(f"{PACKAGE}.") in MOVED
        return ModuleSpec(fullname, self) if known else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the new module in the old one's place."""
        old = module.__name__
        new = f"{PACKAGE}.{MOVED[old.removeprefix(f'{PACKAGE}.')]}"
        warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel=2)
        sys.modules[old] = import_module(new)


def install() -> None:
    """Make old names importable; calling it twice changes nothing."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, MovedFinder())  # before a folder of stale bytecode counts as a package
