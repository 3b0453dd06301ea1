"""`flamingo train rewriter --model`: any image-text-to-text model on a run's distorted pairs, or on a file of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config import Preset
    from ..records import Conversation


def train_other(
    model: str,
    preset: Preset,
    out: Path,
    *,
    seed: int,
    data: Path | None,
    images: Path | None,
    run: str,
    merge: bool = False,
    system: str | None = None,
    prompt: str | None = None,
    pack: int | None = None,
) -> dict[str, Any]:
    """Train `model` with the preset's `rewriter` row; its figures, by the name of the stage.

    Args:
        data: a file of pairs or chats; None takes the pairs of `run`, whose steps are done first where needed.
        images: the folder of their images.
        pack: tokens of a window of whole pairs that don't see each other; None trains on rows of one pair.
    """
    from ..rewriting.backends.prompt import check_prompt
    from ..rewriting.backends.settings import BackendConfig
    from ..training.vlm.examples import read_pairs
    from ..training.vlm.run import train_vlm

    given = {"system": system, "prompt": prompt}
    settings = BackendConfig(kind="transformers", **{key: value for key, value in given.items() if value is not None})
    check_prompt(settings.template)
    pairs: Iterable[Conversation] = (
        read_pairs(data, images, preset.distortion, seed) if data is not None else _pairs_of_run(preset, run)
    )
    options: dict[str, Any] = {"settings": settings, "merge": merge, "label": "rewriter", "pack": pack}
    result = train_vlm(model, preset.rewriter, pairs, out, seed=seed, model_config=preset.model, **options)
    return {"rewriter": result.to_json() | {"model": str(out)}}


def _pairs_of_run(preset: Preset, run: str) -> list[Conversation]:
    """The conversations that the run's own rewriter would be trained on."""
    from ..pipeline.environment import runs_folder
    from ..pipeline.run_folder import Workspace
    from ..pipeline.step import Job
    from ..pipeline.steps.mixtures import mixture_examples, mixture_inputs

    workspace = Workspace(runs_folder(run), preset)
    mixture = preset.rewriter.mixture
    inputs = {name: workspace.step(name).folder for name in mixture_inputs(mixture)}
    unused = workspace.folder  # a mixture is read, nothing is written
    return mixture_examples(mixture, Job(unused, unused, unused, inputs, preset))
