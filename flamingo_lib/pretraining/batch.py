"""Batches of pretraining: rows as padded tensors of ids, loss weights and noun mentions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ..media import IGNORE_INDEX, attended_images
from .data import Row
from .vision import CELLS


@dataclass
class Batch:
    """The tensors of one training step.

    Shapes: (b, t) ids, attended image, labels and weights, (b, m) scenes of the images (0 where a row has fewer), and
    (row, token, latent) of the nouns, latents counted over the row's images.
    """

    input_ids: Tensor
    attended_image: Tensor
    labels: Tensor
    weights: Tensor
    scenes: Tensor
    mentions: Tensor


class RowEncoder:
    """Turns `Row`s into a `Batch`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_token_id: int, max_length: int) -> None:
        self.backend = tokenizer.backend_tokenizer
        self.bos, self.eos, self.pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
        self.image_token_id, self.max_length = image_token_id, max_length

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """The batch of `rows`, cut to `max_length` tokens and padded to the longest."""
        texts = [text for row in rows for text, _ in row.pieces if text]
        encoded = iter(self.backend.encode_batch(texts, add_special_tokens=False))
        ids, weights, mentions = [], [], []
        for number, row in enumerate(rows):
            tokens, scale = [self.bos], [0.0]
            nouns = defaultdict(list)
            for piece, end, image, cell in row.mentions:
                nouns[piece].append((end, image * CELLS + cell))
            for index, (text, weight) in enumerate(row.pieces):
                if text is None:
                    tokens.append(self.eos)
                    scale.append(weight)
                elif text:
                    encoding = next(encoded)
                    for end, latent in nouns.get(index, ()):
                        token_index = next((k for k, (_, stop) in enumerate(encoding.offsets) if stop >= end), None)
                        if token_index is not None and len(tokens) + token_index < self.max_length:
                            mentions.append((number, len(tokens) + token_index, latent))
                    tokens += encoding.ids
                    scale += [weight] * len(encoding.ids)
            ids.append(tokens[: self.max_length])
            weights.append(scale[: self.max_length])
        length, images = max(map(len, ids)), max(1, *(len(row.scenes) for row in rows))
        input_ids = torch.full((len(rows), length), self.pad)
        loss_weights = torch.zeros(len(rows), length)
        for number, (tokens, scale) in enumerate(zip(ids, weights, strict=True)):
            input_ids[number, : len(tokens)] = torch.tensor(tokens)
            loss_weights[number, : len(scale)] = torch.tensor(scale)
        return Batch(
            input_ids=input_ids,
            attended_image=attended_images(input_ids, self.image_token_id, "preceding"),
            labels=torch.where(loss_weights > 0, input_ids, IGNORE_INDEX),
            weights=loss_weights,
            scenes=torch.tensor([(row.scenes + [0] * images)[:images] for row in rows]),
            mentions=torch.tensor(mentions, dtype=torch.long).reshape(-1, 3),
        )
