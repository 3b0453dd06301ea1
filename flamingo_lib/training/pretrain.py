"""Pretraining the shipped base, "OpenFlamingo-tiny", from nothing.

It stands to the default pipeline as OpenFlamingo-9B stands to the paper: it sees, it answers curtly, and it is
not polite. Four phases, each with its own budget of steps, so that results don't depend on the machine's load:

1. *tokenizer* on the world's texts; 2. *tower* and *resampler* on what stands in each cell (`pretrain_vision`);
3. *grounding*: language model, gated layers and resampler together on questions about scenes, with an extra loss that
   asks two heads of the second and third gated layer to look at the object that a noun names; 4. *copying*: the same,
   mixed with the text rows of `pretrain_documents`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, PreTrainedTokenizerBase

from ..config import PretrainConfig
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.loss import IGNORE_INDEX
from ..progress import Progress
from ..scenes.graph import Scene, draw_scene
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from ..seeding import derive_seed, generator
from .pretrain_documents import Row

SUPERVISED_LAYERS = (1, 2)
"""Gated layers whose first two heads are told where to look."""

SUPERVISED_HEADS = 2

MICRO_BATCH = 8
"""Rows of one forward pass: a batch is sorted by length and cut, so that little of it is padding."""


@dataclass
class Batch:
    """Tensors of one step: (b, t) ids, attended image, labels and weights, (b,) scenes, and (row, token, cell) of the
    nouns.
    """

    input_ids: Tensor
    attended_image: Tensor
    labels: Tensor
    weights: Tensor
    scenes: Tensor
    mentions: Tensor


def tiny_config(tokenizer: PreTrainedTokenizerBase, config: PretrainConfig) -> FlamingoConfig:
    """The architecture of the tiny base: 1.0M parameters of tower, 0.3M of resampler, 1.6M of language model and gated
    layers.
    """
    width = config.width
    return FlamingoConfig(
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=round(width * 2.75),
            num_hidden_layers=config.layers,
            num_attention_heads=width // 32,
            max_position_embeddings=1024,
            initializer_range=0.03,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        vision_config={
            "source": "open_clip",
            "embed_dim": config.vision_width,
            "quick_gelu": False,
            "vision_cfg": {
                "image_size": 72,
                "patch_size": 24,
                "width": config.vision_width,
                "layers": 4,
                "head_width": 32,
                "mlp_ratio": 4.0,
            },
        },
        num_latents=9,
        resampler_depth=2,
        resampler_heads=4,
        resampler_dim_head=32,
        resampler_ff_mult=2,
        cross_attention_every=1,
        cross_attention_heads=4,
        cross_attention_dim_head=32,
        cross_attention_ff_mult=2,
        gate_init=0.5,
        media_rule="preceding",
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        end_of_chunk_token_id=tokenizer.convert_tokens_to_ids("<|endofchunk|>"),
        stop_token_id=tokenizer.eos_token_id,
    )


class RowEncoder:
    """Turns `Row`s into a `Batch`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_token_id: int, max_length: int) -> None:
        self.backend = tokenizer.backend_tokenizer
        self.bos, self.eos, self.pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
        self.image_token_id, self.max_length = image_token_id, max_length

    def __call__(self, rows: Sequence[Row]) -> Batch:
        texts = [text for row in rows for text, _ in row.pieces if text]
        encoded = iter(self.backend.encode_batch(texts, add_special_tokens=False))
        ids, weights, mentions = [], [], []
        for number, row in enumerate(rows):
            tokens, scale = [self.bos], [0.0]
            nouns = defaultdict(list)
            for piece, end, cell in row.mentions:
                nouns[piece].append((end, cell))
            for index, (text, weight) in enumerate(row.pieces):
                if text is None:
                    tokens.append(self.eos)
                    scale.append(weight)
                elif text:
                    encoding = next(encoded)
                    for end, cell in nouns.get(index, ()):
                        place = next((k for k, (_, stop) in enumerate(encoding.offsets) if stop >= end), None)
                        if place is not None and len(tokens) + place < self.max_length:
                            mentions.append((number, len(tokens) + place, cell))
                    tokens += encoding.ids
                    scale += [weight] * len(encoding.ids)
            ids.append(tokens[: self.max_length])
            weights.append(scale[: self.max_length])
        length = max(map(len, ids))
        input_ids = torch.full((len(rows), length), self.pad)
        loss_weights = torch.zeros(len(rows), length)
        for number, (tokens, scale) in enumerate(zip(ids, weights, strict=True)):
            input_ids[number, : len(tokens)] = torch.tensor(tokens)
            loss_weights[number, : len(scale)] = torch.tensor(scale)
        return Batch(
            input_ids=input_ids,
            attended_image=(input_ids == self.image_token_id).cumsum(1),
            labels=torch.where(loss_weights > 0, input_ids, IGNORE_INDEX),
            weights=loss_weights,
            scenes=torch.tensor([0 if row.scene is None else row.scene for row in rows]),
            mentions=torch.tensor(mentions, dtype=torch.long).reshape(-1, 3),
        )


def attention_loss(weights: Sequence[Tensor], mentions: Tensor) -> Tensor:
    """How far the supervised heads are from looking at each mentioned cell: the mean of -log of the attention there,
    over layers.

    Args:
        weights: each gated layer's (b, heads, t, 9) attention.
        mentions: (k, 3) row, token, cell.
    """
    row, token, cell = mentions.unbind(1)
    losses = [-(weights[layer][row, :SUPERVISED_HEADS, token, cell] + 1e-6).log().mean() for layer in SUPERVISED_LAYERS]
    return sum(losses)


def train_language(
    model: FlamingoForConditionalGeneration,
    vision_tokens: Tensor,
    draw: Callable[[int, int], Row],
    encoder: RowEncoder,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    resampler_rate: float,
    attention_weight: float,
    name: str,
    check: Callable[[int], dict[str, float]] | None = None,
    check_every: int = 0,
) -> list[dict[str, Any]]:
    """Train language model, gated layers and resampler on rows `draw(step, number)`; returns the curve: a dict a check."""
    model.train()
    resampler = list(model.perceiver.parameters())
    language = list(model.lang_encoder.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": language, "scale": 1.0}, {"params": resampler, "scale": resampler_rate}],
        learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.02,
    )
    curve, average, tokens, start = [], None, 0, time.process_time()
    with Progress(name, steps, "steps") as progress:
        for step in range(steps):
            rate = learning_rate * min(1.0, (step + 1) / 60) * max(0.03, min(1.0, 1.5 * (1 - step / steps)))
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            rows = sorted((draw(step, number) for number in range(batch_size)), key=Row.length)
            batches = [encoder(rows[start : start + MICRO_BATCH]) for start in range(0, batch_size, MICRO_BATCH)]
            weight, nouns = (
                sum(batch.weights[:, 1:].sum() for batch in batches),
                sum(len(batch.mentions) for batch in batches),
            )
            value = 0.0
            for batch in batches:
                supervise = attention_weight > 0 and len(batch.mentions) > 0
                output = model(
                    input_ids=batch.input_ids,
                    attended_image=batch.attended_image,
                    vision_tokens=vision_tokens[batch.scenes].unsqueeze(1),
                    labels=batch.labels,
                    label_weights=batch.weights,
                    num_items_in_batch=weight,
                    output_cross_attentions=supervise,
                )
                loss = output.loss
                if supervise:
                    share = len(batch.mentions) / nouns
                    loss = loss + attention_weight * share * attention_loss(output.cross_attentions, batch.mentions)
                loss.backward()
                value += output.loss.item()
                tokens += int((batch.input_ids != encoder.pad).sum())
            nn.utils.clip_grad_norm_([*language, *resampler], 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average = value if average is None else 0.97 * average + 0.03 * value
            progress.update(1, f"loss {average:.3f}" if step % 20 == 0 else "")
            if check is not None and check_every and ((step + 1) % check_every == 0 or step + 1 == steps):
                point = {
                    "phase": name,
                    "step": step + 1,
                    "cpu_seconds": round(time.process_time() - start),
                    "tokens": tokens,
                    "loss": round(average, 4),
                }
                curve.append(point | check(step))
                print(
                    " ".join(
                        f"{key}={value:.3f}" if isinstance(value, float) else f"{key}={value}"
                        for key, value in curve[-1].items()
                    ),
                    flush=True,
                )
                model.train()
    return curve


def examination(scenes: Sequence[Scene], per_type: int, seed: int) -> list[tuple[int, Question]]:
    """(index of the scene, question) pairs, `per_type` of each question type."""
    chance = generator(seed, "pretrain-examination", len(scenes))
    asked: list[tuple[int, Question]] = []
    for kind in QUESTION_TYPES:
        able = [index for index, scene in enumerate(scenes) if kind in possible_types(scene)]
        for _ in range(per_type):
            index = chance.choice(able)
            asked.append((index, ask(scenes[index], chance, kind)))
    return asked


@torch.no_grad()
def exact_answers(
    model: FlamingoForConditionalGeneration,
    vision_tokens: Tensor,
    encoder: RowEncoder,
    questions: Sequence[tuple[int, Question]],
    image: str,
    system: str,
) -> dict[str, float]:
    """Share of questions of each type answered exactly (greedily, answer and EOS), and their mean."""
    model.eval()
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(questions), 128):
        part = questions[start : start + 128]
        rows = [
            Row(index).add(system).turn(question.text, question.answer, image=image, end=1.0)
            for index, question in part
        ]
        batch = encoder(rows)
        logits = model(
            input_ids=batch.input_ids,
            attended_image=batch.attended_image,
            vision_tokens=vision_tokens[batch.scenes].unsqueeze(1),
        ).logits
        exact = (
            ((logits[:, :-1].argmax(-1) == batch.input_ids[:, 1:]) | (batch.labels[:, 1:] == IGNORE_INDEX)).all(1).tolist()
        )
        for (_, question), good in zip(part, exact, strict=True):
            right[question.type].append(good)
    shares = {kind: float(np.mean(values)) for kind, values in right.items()}
    return {"mean": float(np.mean(list(shares.values()))), **shares}


def pretraining_scenes(count: int, seed: int, *, pool: str = "pretrain", held_out: bool = False) -> list[Scene]:
    """Scenes of a pool of their own; no other room draws from it."""
    return [draw_scene(derive_seed(seed, pool), f"{pool}/{number}", held_out=held_out) for number in range(count)]


def start_language(model: FlamingoForConditionalGeneration) -> None:
    """Input embeddings large enough to be heard beside what the gated layers add from the first step."""
    nn.init.normal_(model.get_input_embeddings().weight, std=0.2)
