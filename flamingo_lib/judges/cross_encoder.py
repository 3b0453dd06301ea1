"""Cross-encoders: one transformer that reads two texts together; the ground of the NLI and the reward judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from .assets import quiet_loading


class PairScorer:
    """Logits of a sequence classifier for pairs of texts, through sentence-transformers' `CrossEncoder`.

    Args:
        folder: the model's folder (config, tokenizer, safetensors).
        device: where it runs; None lets sentence-transformers choose.
        batch_size: pairs in one forward pass.

    Raises:
        CheckpointError: the folder holds no such model.
    """

    def __init__(self, folder: Path, *, device: str | None = None, batch_size: int = 64) -> None:
        from sentence_transformers import CrossEncoder
        from torch import nn

        if not (folder / "config.json").is_file():
            raise CheckpointError(
                "not a judge's folder: config.json is missing",
                file=folder,
                remedy="Train the judges again or copy the whole folder.",
            )
        try:
            with quiet_loading():
                self.model = CrossEncoder(
                    str(folder), device=device, local_files_only=True, activation_fn=nn.Identity()
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"the judge cannot be loaded: {error}",
                file=folder,
                remedy="Train the judges again or copy the whole folder.",
            ) from error
        self.batch_size = batch_size

    @property
    def labels(self) -> list[str]:
        """The classes' names in the order of the logits, lower case."""
        names = self.model.config.id2label
        return [str(names[index]).lower() for index in range(len(names))]

    def logits(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Shape ``(n, labels)``, float32; equal pairs are read once."""
        unique = list(dict.fromkeys(pairs))
        width = len(self.labels)
        if not unique:
            return np.zeros((0, width), dtype=np.float32)
        scores = self.model.predict(unique, batch_size=self.batch_size, show_progress_bar=False)
        scores = np.asarray(scores, dtype=np.float32).reshape(len(unique), width)
        place = {pair: index for index, pair in enumerate(unique)}
        return scores[[place[pair] for pair in pairs]]
