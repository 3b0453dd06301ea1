"""`flamingo pretrain`: all phases of the tiny base in order; a finished phase is kept, so a killed run resumes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ..chat.tokenizer import train_tiny_tokenizer
from ..config import Preset, PretrainConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.image_processor import FlamingoImageProcessor
from ..model.processor import FlamingoProcessor
from ..rewriting.lock import only_job
from ..scenes.graph import COLORS, Scene
from ..scenes.phrases import CHANGE_INSTRUCTIONS
from ..scenes.questions import Question
from ..seeding import derive_seed, generator
from ..sources.prompts import POOLS
from ..storage import atomic_folder, write_json
from .batch import RowEncoder
from .card import write_card, write_clip_card
from .clip import pretrain_clip
from .data import Row
from .language import (
    exact_answers,
    examination,
    pretraining_scenes,
    start_language,
    tiny_config,
    train_language,
)
from .phases import Phases
from .text_rows import text_row
from .vision import cell_labels, encode_all, pretrain_resampler, pretrain_tower, scene_images
from .web_rows import QUESTION_PAGES, question_page, web_row

IMAGE_MEAN, IMAGE_STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
VISION_BATCH = 32


def tokenizer_texts(scenes: list[Scene], seed: int, rows: int = 5000) -> Iterator[str]:
    """Training texts of the tokenizer: the rows of pretraining, and the instructions that the sources use."""
    chance = generator(seed, "tokenizer")
    for _ in range(rows):
        for row in (web_row(scenes, chance, 1.0), text_row(scenes, chance, COLORS)):
            yield "".join(text or "" for text, _ in row.pieces)
    for _ in range(20):
        yield "\n".join(CHANGE_INSTRUCTIONS)
        for pool in POOLS.values():
            yield "\n".join(pool)


def four_shots(scenes: list[Scene], seed: int, pages: int = 8) -> dict[str, list[list[tuple[int, Question]]]]:
    """For each question type some pages of four answered questions of it, about pictures of pretraining."""
    asked: dict[str, list[list[tuple[int, Question]]]] = {}
    for number in range(pages):
        for index, question in examination(scenes[:400], 4, derive_seed(seed, "four-shot", number)):
            kept = asked.setdefault(question.type, [])
            if len(kept) <= number:
                kept.append([])
            kept[number].append((index, question))
    return asked


def word_list(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Whole words of the vocabulary, for random repeats."""
    words = {str(tokenizer.decode([index])).strip() for index in range(len(tokenizer))}
    return sorted(word for word in words if word.isalpha() and len(word) > 2)


def pretrain_base(preset: Preset, out: Path, *, clip_out: Path | None, seed: int) -> dict[str, Any]:
    """Make the base model of `preset.pretrain` in folder `out` (and the CLIP model in `clip_out`).

    Args:
        out: written atomically at the end; until then the phases done are kept beside it in ``.<name>.work``.
        clip_out: None leaves the CLIP model out.
        seed: of every random choice.

    Returns:
        Figures of the card: accuracies, curve, seconds of every phase.

    Raises:
        FlamingoError: another process makes this base.
        StorageError: the disk is full; the phases done are kept.
    """
    work = out.with_name(f".{out.name}.work")
    with only_job(work):
        figures = _pretrain(preset, out, work, clip_out=clip_out, seed=seed)
        shutil.rmtree(work)
    return figures


def _pretrain(preset: Preset, out: Path, work: Path, *, clip_out: Path | None, seed: int) -> dict[str, Any]:
    config = preset.pretrain
    torch.manual_seed(derive_seed(seed, "pretrain-start"))
    count = config.validation_scenes
    scenes = pretraining_scenes(config.scenes, seed)
    held_in = pretraining_scenes(count, seed, pool="pretrain-validation")
    held_out = pretraining_scenes(count, seed, pool="pretrain-held-out", held_out=True)
    everything = scenes + held_in + held_out
    tokenizer = train_tiny_tokenizer(tokenizer_texts(scenes, seed), config.vocab_size)
    flamingo = tiny_config(tokenizer, config)
    model = FlamingoForConditionalGeneration(flamingo)
    start_language(model)
    processor = make_processor(tokenizer)
    images = processor.image_processor
    phases = Phases(work, config.model_dump(), seed, flamingo.to_dict())

    pixels = scene_pixels(everything, images, seed)
    labels = cell_labels(everything)
    mean, std = torch.tensor(IMAGE_MEAN).view(3, 1, 1), torch.tensor(IMAGE_STD).view(3, 1, 1)

    def normalize(raw: Tensor) -> Tensor:
        return (raw.float() / 255 - mean) / std

    vision: dict[str, Any] = {
        "learning_rate": config.vision_learning_rate,
        "batch_size": VISION_BATCH,
        "validation": 2 * count,
        "seed": seed,
    }
    phases(
        "tower",
        lambda: pretrain_tower(model, pixels, labels, normalize=normalize, steps=config.tower_steps, **vision),
        model.vision_encoder.state_dict,
        model.vision_encoder.load_state_dict,
    )
    vision_tokens = encode_all(model, pixels, normalize)
    phases(
        "resampler",
        lambda: pretrain_resampler(model, vision_tokens, labels, steps=config.resampler_steps, **vision),
        model.perceiver.state_dict,
        model.perceiver.load_state_dict,
    )
    encoder = RowEncoder(tokenizer, flamingo.image_token_id, config.max_length)
    examined = {
        "": [(index + len(scenes), question) for index, question in examination(held_in, 60, seed)],
        "held_out_": [(index + len(scenes) + count, question) for index, question in examination(held_out, 40, seed)],
    }
    pages = four_shots(scenes, seed)

    def check(_step: int) -> dict[str, float]:
        point: dict[str, float] = {}
        for pool, asked in examined.items():
            shots = [
                pages[question.type][number % len(pages[question.type])] for number, (_, question) in enumerate(asked)
            ]
            for prefix, shown in ((pool, ()), (f"four_shot_{pool}", shots)):
                shares = exact_answers(model, vision_tokens, encoder, asked, shown)
                point |= {prefix + kind: value for kind, value in shares.items()}
        return point

    words = word_list(tokenizer)
    told = scenes[::2] + pretraining_scenes(len(scenes) // 2, seed, pool="pretrain-texts", held_out=True)

    def grounding(step: int, number: int) -> Row:
        chance = generator(seed, "grounding", step, number)
        if chance.random() < config.grounding_text_share:
            return text_row(told, chance, words)
        return web_row(scenes, chance, step / config.grounding_steps)

    def copying(step: int, number: int) -> Row:
        chance = generator(seed, "copying", step, number)
        if chance.random() < QUESTION_PAGES:
            return question_page(scenes, chance)
        return text_row(told, chance, words) if chance.random() < config.text_share else web_row(scenes, chance, 1.0)

    budgets = (
        ("grounding", grounding, config.grounding_steps, config.learning_rate),
        ("copying", copying, config.copying_steps, config.copying_learning_rate),
    )
    for name, draw, steps, rate in budgets:
        phases(
            name,
            partial(
                train_language,
                model,
                vision_tokens,
                draw,
                encoder,
                steps=steps,
                batch_size=config.batch_size,
                learning_rate=rate,
                resampler_rate=config.resampler_rate,
                attention_weight=config.attention_weight,
                name=name,
                check=check,
                check_every=max(1, steps // 5),
            ),
            model.state_dict,
            model.load_state_dict,
        )
    model.eval()
    figures = {"seed": seed, "config": config.model_dump(), "phases": phases.results}
    with atomic_folder(out) as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        write_json(folder / "pretraining.json", figures)
        write_card(folder, figures, model)
    if clip_out is not None:
        figures["clip"] = clip_phase(model, tokenizer, everything, pixels, normalize, config, clip_out, 2 * count, seed)
    return figures


def make_processor(tokenizer: PreTrainedTokenizerBase) -> FlamingoProcessor:
    """The tiny base's processor: 72 px images, squashed, before the instruction; text attends to its latest image."""
    images = FlamingoImageProcessor(size=72, mean=IMAGE_MEAN, std=IMAGE_STD)
    return FlamingoProcessor(
        image_processor=images, tokenizer=tokenizer, media_rule="preceding", image_position="before", within_turn=False
    )


def scene_pixels(scenes: list[Scene], images: FlamingoImageProcessor, seed: int) -> Tensor:
    """(n, 3, 72, 72) uint8: the scenes as drawn for people, scaled as the processor does."""
    out = np.empty((len(scenes), images.size, images.size, 3), np.uint8)
    for start in range(0, len(scenes), 256):
        for offset, image in enumerate(scene_images(scenes[start : start + 256], size=224, seed=seed)):
            out[start + offset] = np.asarray(images.square(image))
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def clip_phase(
    model: FlamingoForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    scenes: list[Scene],
    pixels: Tensor,
    normalize: Callable[[Tensor], Tensor],
    config: PretrainConfig,
    clip_out: Path,
    validation: int,
    seed: int,
) -> dict[str, Any]:
    """Train the CLIP model and write its folder atomically; returns its examination and seconds."""
    start = time.process_time()
    with atomic_folder(clip_out) as folder:
        result = pretrain_clip(
            model,
            tokenizer,
            scenes,
            pixels,
            normalize,
            config=config,
            mean=IMAGE_MEAN,
            std=IMAGE_STD,
            validation=validation,
            folder=folder,
            seed=seed,
        )
        result |= {"seed": seed, "steps": config.clip_steps}
        write_json(folder / "pretraining.json", result)
        write_clip_card(folder, result)
    return result | {"cpu_seconds": round(time.process_time() - start)}
