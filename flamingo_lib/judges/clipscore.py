"""CLIPScore: does a paragraph speak of this image? 100 x cosine of image and text features (docs/method.md, section 3).

A paragraph's feature is the mean of the L2-normalised features of its first sentences (up to 10), so that a long
description is not cut off at the text tower's context length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CheckpointError, MissingAsset
from ..hub import (
    check_weights,
    checkpoints_folder,
    hub_folder,
    local_folder,
    refuse_remote_code,
    translate_loading_errors,
)
from ..images import ImageInput, crop_to_ratio, load_image
from ..storage import read_json
from ..text import split_paragraphs, split_sentences

if TYPE_CHECKING:
    import torch


REMEDY = "Copy the whole folder again (open_clip_config.json, open_clip_model.safetensors, tokenizer.json)."
FETCHED_TOWERS = ("hf_model_name", "hf_tokenizer_name")
"""Settings of a text tower by which open_clip would fetch parts from the hub."""


class ClipScoreJudge:
    """CLIPScore of paragraphs against images.

    Args:
        name: a folder with ``open_clip_config.json``, ``open_clip_model.safetensors`` and ``tokenizer.json``; a shipped
            checkpoint such as ``"clip-tiny"``; or open_clip's architecture and weights as
            ``"ViT-L-14-336-quickgelu/openai"`` (the paper's).
        device: where it runs.
        batch_size: images or sentences in one forward pass.
        sentences: how many sentences of a paragraph are read.
        download: fetch the weights from the hub if they are not on this machine.

    Raises:
        MissingAsset: the model is not on this machine.
        CheckpointError: the folder does not hold what its config says.
    """

    def __init__(
        self,
        name: str = "clip-tiny",
        *,
        device: str = "cpu",
        batch_size: int = 64,
        sentences: int = 10,
        download: bool = False,
    ) -> None:
        self.name, self.device, self.batch_size, self.sentences = name, device, batch_size, sentences
        folder, architecture = find_clip(name, download=download)
        self.model, self.preprocess, self.tokenize = _load(folder, architecture, device)

    def encode_images(self, images: Sequence[ImageInput]) -> np.ndarray:
        """Unit vectors of the images, shape ``(n, width)``, float32."""
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(images), self.batch_size):
                pixels = torch.stack([self._pixels(image) for image in images[start : start + self.batch_size]])
                rows.append(self.model.encode_image(pixels.to(self.device), normalize=True).float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    def _pixels(self, image: ImageInput) -> torch.Tensor:
        return self.preprocess(crop_to_ratio(load_image(image)))

    def encode_sentences(self, sentences: Sequence[str]) -> np.ndarray:
        """Unit vectors of the sentences, shape ``(n, width)``, float32; equal sentences are encoded once."""
        import torch

        unique = list(dict.fromkeys(sentences))
        rows = []
        with torch.inference_mode():
            for start in range(0, len(unique), self.batch_size):
                ids = self.tokenize(unique[start : start + self.batch_size])
                rows.append(self.model.encode_text(ids.to(self.device), normalize=True).float().cpu().numpy())
        if not rows:
            return np.zeros((0, 0), dtype=np.float32)
        row_of = {sentence: index for index, sentence in enumerate(unique)}
        return np.concatenate(rows)[[row_of[sentence] for sentence in sentences]]

    def encode_paragraphs(self, paragraphs: Sequence[str]) -> np.ndarray:
        """Mean of the unit vectors of each paragraph's first sentences, shape ``(n, width)``; not normalised itself."""
        cut = [split_sentences(paragraph)[: self.sentences] or [paragraph] for paragraph in paragraphs]
        vectors = self.encode_sentences([sentence for sentences in cut for sentence in sentences])
        ends = np.cumsum([len(sentences) for sentences in cut])
        parts = np.split(vectors, ends[:-1]) if len(cut) else []
        return np.stack([part.mean(axis=0) for part in parts]) if parts else np.zeros((0, 0), dtype=np.float32)

    def __call__(
        self, images: Sequence[ImageInput | Sequence[ImageInput]], texts: Sequence[str | Sequence[str]]
    ) -> list[np.ndarray]:
        """The scores of each text's paragraphs, -100 to 100.

        Args:
            images: one image a text, or several (a change caption): then the image that fits a paragraph best counts.
                An image object given more than once is encoded once.
            texts: whole texts, split at blank lines, or lists of paragraphs.

        Returns:
            For each text an array of shape ``(paragraphs,)``.
        """
        groups = [list(group) if isinstance(group, (list, tuple)) else [group] for group in images]
        lists = [split_paragraphs(text) if isinstance(text, str) else list(text) for text in texts]
        if len(groups) != len(lists):
            raise ValueError(f"{len(groups)} images against {len(lists)} texts")
        distinct: dict[int, Any] = {id(image): image for group in groups for image in group}
        row_of = {key: index for index, key in enumerate(distinct)}
        features = self.encode_images(list(distinct.values()))
        vectors = self.encode_paragraphs([paragraph for paragraphs in lists for paragraph in paragraphs])
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True) if len(vectors) else vectors
        vectors = vectors / np.maximum(lengths, 1e-12) if len(vectors) else vectors
        scores, start = [], 0
        for group, paragraphs in zip(groups, lists, strict=True):
            own = vectors[start : start + len(paragraphs)]
            start += len(paragraphs)
            if not paragraphs or not group:
                scores.append(np.full(len(paragraphs), np.nan))
                continue
            cosines = own @ features[[row_of[id(image)] for image in group]].T
            scores.append(100.0 * cosines.max(axis=1).astype(np.float64))
        return scores


def find_clip(name: str, *, download: bool = False) -> tuple[Path, str | None]:
    """The CLIP model's folder, and its architecture if the name says it; `MissingAsset` if it is not installed."""
    folder = local_folder(name)
    if folder is not None:
        return folder, None
    architecture, _, tag = name.rpartition("/")
    if architecture:
        import open_clip

        weights = open_clip.get_pretrained_cfg(architecture, tag)
        if not weights:
            raise MissingAsset(
                f"open_clip knows no weights {tag!r} for {architecture!r}",
                remedy="`open_clip.list_pretrained()` lists them.",
            )
        repository = weights.get("hf_hub", "").strip("/")
        folder = hub_folder(repository, download=download)
        if folder is not None:
            return folder, architecture
        remedy = f"Put them into the hub's cache (hf download {repository}) or give the folder they are in."
    else:
        remedy = (
            f"Copy the project's checkpoint to {checkpoints_folder() / name}, give a folder, or "
            f"ARCHITECTURE/WEIGHTS of open_clip."
        )
    raise MissingAsset(f"the CLIP model {name!r} is not on this machine", remedy=remedy)


def _load(
    folder: Path, architecture: str | None, device: str
) -> tuple[Any, Callable, Callable[[Sequence[str]], torch.Tensor]]:
    """Model, image transform and tokenizer of a folder in open_clip's layout."""
    import open_clip

    refuse_remote_code(folder)
    check_weights(folder)
    with translate_loading_errors(folder, "the CLIP model", REMEDY):
        config = read_json(folder / "open_clip_config.json")["model_cfg"]
        if fetched := [key for key in FETCHED_TOWERS if config["text_cfg"].get(key)]:
            raise CheckpointError(
                f"the CLIP model's {fetched[0]} {config['text_cfg'][fetched[0]]!r} would be fetched from the hub",
                file=folder / "open_clip_config.json",
                remedy="Give a model whose text tower and tokenizer are in its folder.",
            )
        model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}", device=device)
        context = int(config["text_cfg"].get("context_length", 77))
        if (folder / "tokenizer.json").is_file():
            tokenize = _folder_tokenizer(folder / "tokenizer.json", context)
        elif architecture is not None:
            tokenize = open_clip.get_tokenizer(architecture, context_length=context)
        else:
            raise CheckpointError("the CLIP folder holds no tokenizer.json", file=folder, remedy=REMEDY)
    return model.eval(), preprocess, tokenize


def _folder_tokenizer(path: Path, context: int) -> Callable[[Sequence[str]], torch.Tensor]:
    """Texts to ids of shape ``(n, context)`` by a `tokenizers` file that adds its own start and end marks."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True  # those that a text spells out are text
    padding = tokenizer.padding or {}
    tokenizer.enable_padding(
        length=context, pad_id=padding.get("pad_id", 0), pad_token=padding.get("pad_token", "<pad>"), direction="right"
    )
    tokenizer.enable_truncation(max_length=context)
    return lambda texts: torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(list(texts))])
