"""Cross-encoders: one transformer that reads two texts together; the ground of the NLI and the reward judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .loading import MODEL_KWARGS, check_loaded, loading

REMEDY = "Train the judges again (flamingo train-judges), or copy the whole folder of a sequence classifier."


class PairScorer:
    """Logits of a sequence classifier for pairs of texts, through sentence-transformers' `CrossEncoder`.

    Args:
        folder: the model's folder (config, tokenizer, safetensors).
        role: what it is for, in words, for messages.
        device: where it runs; None lets sentence-transformers choose.
        batch_size: pairs in one forward pass.

    Raises:
        CheckpointError: the folder holds no such model, a weight (its head's, too) or the tokenizer is missing, or it
            brings code of its own.
    """

    def __init__(
        self, folder: Path, *, role: str = "the judge", device: str | None = None, batch_size: int = 64
    ) -> None:
        from sentence_transformers import CrossEncoder
        from torch import nn

        with loading(folder, role, REMEDY):
            self.model = CrossEncoder(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                activation_fn=nn.Identity(),
                model_kwargs=MODEL_KWARGS,
            )
        check_loaded(self.model.model, self.model.tokenizer, folder, role=role, remedy=REMEDY, head=True)
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
        row_of = {pair: index for index, pair in enumerate(unique)}
        return scores[[row_of[pair] for pair in pairs]]
