"""Language phases of pretraining the shipped base, "OpenFlamingo-tiny", from nothing.

It stands to the default pipeline as OpenFlamingo-9B stands to the paper: it has seen what the web shows beside pictures
and knows all words, but nobody has taught it to chat about a picture. Four phases, each with its own budget of steps,
so that results don't depend on the machine's load:

1. *tokenizer* on the world's texts;
2. *tower* and *resampler* on what stands in each cell (`vision`);
3. *grounding*: language model, gated layers and resampler together on the rows of `web_rows`, with an extra loss that
   asks two heads of the second and third gated layer to look at the object that a noun names;
4. *copying*: the same, mixed with more of the text rows of `text_rows`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, PreTrainedTokenizerBase

from ..config import PretrainConfig
from ..media import IGNORE_INDEX
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..progress import Progress
from ..scenes.graph import Scene, draw_scene
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from ..seeding import derive_seed, generator
from .batch import RowEncoder
from .data import Row

SUPERVISED_LAYERS = (1, 2)
"""Gated layers whose first two heads are supervised in where to attend."""

SUPERVISED_HEADS = 2

MICRO_BATCH = 8
"""Rows of one forward pass: a batch is sorted by length and cut, so that little of it is padding."""


def tiny_config(tokenizer: PreTrainedTokenizerBase, config: PretrainConfig) -> FlamingoConfig:
    """The tiny base's config: 1.0M parameters of vision tower, 0.3M of resampler, 1.6M of language model."""
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
        image_token_id=cast(int, tokenizer.convert_tokens_to_ids("<image>")),
        end_of_chunk_token_id=cast(int, tokenizer.convert_tokens_to_ids("<|endofchunk|>")),
        stop_token_id=tokenizer.eos_token_id,
    )


def attention_loss(weights: Sequence[Tensor], mentions: Tensor) -> Tensor:
    """Attention supervision loss: mean -log attention of the supervised heads on each mentioned cell, over layers.

    Args:
        weights: each gated layer's (b, heads, t, 9 m) attention.
        mentions: (k, 3) row, token, latent.
    """
    row, token, latent = mentions.unbind(1)
    there = [weights[layer][row, :SUPERVISED_HEADS, token, latent] for layer in SUPERVISED_LAYERS]
    losses = [-(share + 1e-6).log().mean() for share in there]
    return sum(losses[1:], start=losses[0])


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
    """Train language model, gated layers and resampler on rows `draw(step, number)`; returns the training curve."""
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
                    vision_tokens=vision_tokens[batch.scenes],
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
    shots: Sequence[Sequence[tuple[int, Question]]] = (),
) -> dict[str, float]:
    """Share of questions of each type answered exactly and greedily, as far as the answer goes, and their mean.

    Args:
        questions: (index of the scene, question).
        shots: for each question, the answered examples that stand before it; empty for zero-shot.
    """
    model.eval()
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(questions), 64):
        part = questions[start : start + 64]
        rows = []
        for number, (scene, question) in enumerate(part, start=start):
            row = Row()
            for shown, example in shots[number] if shots else ():
                _short_answer(row, shown, example, 0.0)
            rows.append(_short_answer(row, scene, question, 1.0))
        batch = encoder(rows)
        logits = model(
            input_ids=batch.input_ids,
            attended_image=batch.attended_image,
            vision_tokens=vision_tokens[batch.scenes],
        ).logits
        exact = (
            ((logits[:, :-1].argmax(-1) == batch.input_ids[:, 1:]) | (batch.labels[:, 1:] == IGNORE_INDEX))
            .all(1)
            .tolist()
        )
        for (_, question), good in zip(part, exact, strict=True):
            right[question.type].append(good)
    shares = {kind: float(np.mean(values)) for kind, values in right.items()}
    return {"mean": float(np.mean(list(shares.values()))), **shares}


def _short_answer(row: Row, scene: int, question: Question, weight: float) -> Row:
    if row.scenes:
        row.add("\n")
    return row.image(scene).add(f"\nQuestion: {question.text}").add(" Short answer:").add(f" {question.answer}", weight)


def pretraining_scenes(count: int, seed: int, *, pool: str = "pretrain", held_out: bool = False) -> list[Scene]:
    """Scenes of a pool of their own; no other room draws from it."""
    return [draw_scene(derive_seed(seed, pool), f"{pool}/{number}", held_out=held_out) for number in range(count)]


def start_language(model: FlamingoForConditionalGeneration) -> None:
    """Input embeddings large enough to be heard beside what the gated layers add from the first step."""
    nn.init.normal_(model.get_input_embeddings().weight, std=0.2)
