"""Losses of the tiny judges, for sentence-transformers' `CrossEncoderTrainer`: it hands them columns of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..seeding import torch_generator
from .tiny_encoder import MAX_LENGTH, WIDTH

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MATCHED_LAYER = 2
"""The auxiliary head reads the hidden states after this layer."""

SAME_WORDS = {"2": "two", "3": "three", "4": "four", "1": "one", "0": "no", "zero": "no"}


class MatchingHead(nn.Module):
    """Auxiliary training head: predicts for each word of one text's own part whether the other's contains it.

    Args:
        tokenizer: of the encoder.
        tail: where a text's own part ends (the NLI prompt repeats the question in both); None takes the whole text.
    """

    def __init__(self, tokenizer: Any, *, tail: str | None, seed: int) -> None:
        super().__init__()
        self.tokenizer, self.tail = tokenizer, tail
        self.linear = nn.Linear(WIDTH, 1)
        with torch.no_grad():
            self.linear.weight.normal_(0, 0.05, generator=torch_generator(seed, "matching head"))
            self.linear.bias.zero_()
        known = tokenizer.get_vocab()
        self.alike = torch.arange(len(tokenizer))
        for word, other in SAME_WORDS.items():
            if word in known and other in known:
                self.alike[known[word]] = known[other]

    def forward(self, hidden: Tensor, input_ids: Tensor, segments: Tensor) -> Tensor:
        """The mean binary cross-entropy of matching words.

        Shapes: `hidden` (b, t, width), `input_ids` (b, t), `segments` (b, t) with 0 for none, 1 and 2 for the two
        texts.
        """
        ids = self.alike[input_ids]
        same = (
            (ids[:, :, None] == ids[:, None, :])
            & (segments[:, :, None] + segments[:, None, :] == 3)
            & (segments[:, None, :] > 0)
        )
        counted = segments > 0
        logits = self.linear(hidden).squeeze(-1)
        return F.binary_cross_entropy_with_logits(logits[counted], same.any(dim=2).float()[counted])

    def segments(self, encoded: Any, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Segment ids: the part each token belongs to, (b, t)."""
        rows = []
        for index, pair in enumerate(pairs):
            ends = [text.rfind(self.tail) if self.tail else len(text) for text in pair]
            rows.append(
                [
                    0 if part is None or end > ends[part] else part + 1
                    for part, (_, end) in zip(
                        encoded.sequence_ids(index), encoded["offset_mapping"][index].tolist(), strict=True
                    )
                ]
            )
        return torch.tensor(rows)


class PairLoss(nn.Module):
    """Ground of both losses: reads pairs through the encoder, with the helper head's loss beside.

    Args:
        model: the cross-encoder in training.
        tail: see `MatchingHead`.
        weight: of the helper head's loss.
    """

    def __init__(self, model: CrossEncoder, *, tail: str | None, seed: int, weight: float = 1.0) -> None:
        super().__init__()
        self.model, self.weight = model, weight
        self.matching = MatchingHead(model.tokenizer, tail=tail, seed=seed)

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor]:
        """Logits (b, labels) and the helper's loss."""
        first, second = zip(*pairs, strict=True)
        encoded = self.model.tokenizer(
            list(first), list(second), padding=True, truncation="longest_first", max_length=MAX_LENGTH,
            return_tensors="pt", return_offsets_mapping=True,
        )  # fmt: skip
        segments = self.matching.segments(encoded, pairs)
        inputs = {name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
        network: Any = self.model.model
        output = network(**inputs, output_hidden_states=True)
        return output.logits, self.matching(output.hidden_states[MATCHED_LAYER], inputs["input_ids"], segments)


class LabelLoss(PairLoss):
    """Cross-entropy of the labels of pairs: columns premise, hypothesis, label."""

    def forward(self, inputs: list[list[str]], labels: Tensor, **_: object) -> Tensor:
        """The loss of one batch."""
        logits, helper = self.logits(list(zip(*inputs, strict=True)))
        return F.cross_entropy(logits, labels) + self.weight * helper


class PreferenceLoss(PairLoss):
    """The Bradley-Terry preference loss: cross-entropy of the share of raters that prefer the first response.

    Columns: instruction, first, second, and as label the share, 0 to 1. Shares short of 1 keep rewards of neighbouring
    grades a stated distance apart, where labels of 0 and 1 would drive them apart for as long as training lasts.

    The mean reward is kept around zero by a small penalty, since differences alone leave it open.
    """

    def forward(self, inputs: list[list[str]], labels: Tensor, **_: object) -> Tensor:
        """The loss of one batch."""
        instructions, one, other = inputs
        logits, helper = self.logits([*zip(instructions, one, strict=True), *zip(instructions, other, strict=True)])
        first, second = logits[:, 0].chunk(2)
        loss = F.binary_cross_entropy_with_logits(first - second, labels.to(first.dtype))
        return loss + 0.01 * logits.mean().square() + self.weight * helper
