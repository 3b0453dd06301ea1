"""A rewriter by the name of its backend."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import RewritingConfig
from ...records import Sample
from ..rewriter import RewriterBackend
from .settings import BackendConfig

if TYPE_CHECKING:
    from PIL import Image


def load_rewriter(
    name: str | PathLike,
    pictures: Callable[[Sample], list[Image.Image]],
    config: RewritingConfig | None = None,
    settings: BackendConfig | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    optimize: bool = True,
    memory: Path | None = None,
) -> RewriterBackend:
    """A rewriter of the kind that `settings` say.

    Args:
        name: a model's folder or shipped name; of a server, the model's name there.
        pictures: opens a sample's images, such as `Pictures`.
        config: batch size, length limit, temperature.
        settings: the backend; by default our Flamingo.
        seed: of sampling, with a temperature above 0.
        device: where a model computes, unless the settings say.
        optimize: make a small Flamingo fast on a CPU.
        memory: of a server, the file that keeps its answers for a run that goes on.

    Raises:
        ConfigError, MissingAsset, CheckpointError: as the backends' own loading.
    """
    settings = settings or BackendConfig()
    if settings.kind == "transformers":
        from .transformers import TransformersRewriter

        return TransformersRewriter.load(name, pictures, config, settings, seed=seed, device=device)
    if settings.kind == "server":
        from .server import ServerRewriter

        return ServerRewriter(str(name), pictures, config, settings, seed=seed, memory=memory)
    from .flamingo import FlamingoRewriter

    return FlamingoRewriter.load(name, pictures, config, seed=seed, device=device, optimize=optimize)


def check_backend(name: str, settings: BackendConfig, config: RewritingConfig | None = None) -> None:
    """Refuse what cannot rewrite before any work starts, its weights unread.

    A Flamingo's folder, a model's chat template, context and adapter, a server's address and the models that it lists.

    Raises:
        ConfigError, MissingAsset, CheckpointError: as the backends' own loading.
    """
    config = config or RewritingConfig()
    if settings.kind == "transformers":
        from .vlm import check_vlm

        check_vlm(name, settings, config.max_new_tokens)
    elif settings.kind == "server":
        from .server import ServerRewriter

        ServerRewriter(name, lambda sample: [], None, settings).check_models()
    else:
        from ...hub import resolve
        from ...loading import check_model_files

        check_model_files(resolve(name, role="the rewriter"))
