"""Preference pairs for the tiny reward judge, drawn from Scenes: a polite response against a worse one.

Worse responses are as often longer as shorter than the polite ones, and many are of the same length, so that length
tells nothing: curt annotations and cut texts are shorter, chatter and loops longer, noise and answers to another
question about as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..records import Box
from ..scenes.changes import curt_change, describe_change
from ..scenes.graph import Scene, draw_scene, edit_scene
from ..scenes.language import (
    answer_sentence,
    caption,
    full_answer,
    paragraph,
    polite,
    rationale,
    reasoning,
    text_dialogue,
)
from ..scenes.phrases import CHANGE_INSTRUCTIONS, CLOSERS, DETAIL_INSTRUCTIONS, OPENERS
from ..scenes.questions import ask
from ..seeding import derive_seed, generator
from ..text import split_sentences

WORSE = {
    "curt": 0.25,  # the raw annotation
    "noise": 0.19,  # typos, lost words, lost capitals and periods; about as long
    "chatter": 0.16,  # the curt answer among rough, aimless sentences; longer
    "loop": 0.12,  # a sentence or phrase over and over; longer
    "off topic": 0.16,  # a polite answer to something else; about as long
    "cut": 0.06,  # the polite answer without its end
    "leak": 0.06,  # parts of the prompt in it; longer
}
"""Ways of making a worse response, with their weights."""


@dataclass(frozen=True, slots=True)
class RewardExample:
    """A preference pair: `better` over `worse` as the response to `instruction`.

    `kind` is a key of `WORSE`, `task` what was asked.
    """

    instruction: str
    better: str
    worse: str
    kind: str
    task: str


@dataclass(frozen=True, slots=True)
class _Exchange:
    instruction: str
    better: str
    raw: str
    task: str


def reward_example(seed: int, split: str, index: int) -> RewardExample:
    """Pair `index` of a split (``"train"`` or ``"test"``); splits share no scene and no draw."""
    random = generator(seed, "judges", "reward", split, index)
    exchange = _exchange(random, derive_seed(seed, "judges", "reward", split, index))
    kind = random.choices(list(WORSE), weights=list(WORSE.values()))[0]
    worse = _worse(random, exchange, kind, derive_seed(seed, "judges", "reward", split, index, "other"))
    if worse.strip() == exchange.better.strip():
        kind, worse = "curt", exchange.raw
    return RewardExample(exchange.instruction, exchange.better, worse, kind, exchange.task)


def reward_examples(seed: int, split: str, count: int) -> list[RewardExample]:
    """The first `count` pairs of a split."""
    return [reward_example(seed, split, index) for index in range(count)]


def _exchange(random: Random, scene_seed: int, task: str | None = None) -> _Exchange:
    """An instruction, a polite response and the raw annotation."""
    scene = draw_scene(scene_seed, "judges", held_out=random.random() < 0.35)
    task = (
        task
        or random.choices(
            ("question", "description", "change", "reasoning", "text"), weights=(0.55, 0.18, 0.07, 0.06, 0.14)
        )[0]
    )
    if task == "description":
        return _Exchange(random.choice(DETAIL_INSTRUCTIONS), paragraph(random, scene), _captions(random, scene), task)
    if task == "change":
        change = edit_scene(scene, random)[1]
        return _Exchange(
            random.choice(CHANGE_INSTRUCTIONS), describe_change(random, change), curt_change(random, change), task
        )
    if task == "reasoning":
        instruction, answer = reasoning(random, scene)[:2]
        return _Exchange(instruction, answer, caption(random, scene), task)
    if task == "text":
        instruction, answer, curt = text_dialogue(random)
        return _Exchange(instruction, answer, curt, task)
    question = ask(scene, random)
    answer = polite(random, scene, question) if random.random() < 0.8 else answer_sentence(random, question)
    reason = rationale(random, scene, question)
    curt = random.choice((question.answer, question.answer.capitalize(), f"{question.answer}."))
    raw = random.choices(
        (curt, full_answer(question).lower().rstrip("."), f"{question.answer}. {reason}"), weights=(0.7, 0.1, 0.2)
    )[0]
    return _Exchange(question.text, answer, raw, task)


def _captions(random: Random, scene: Scene) -> str:
    """Captions one a line, at times with boxes below."""
    lines = [caption(random, scene) for _ in range(random.choice((1, 1, 3, 5)))]
    if random.random() < 0.3:
        lines += ["", *(_box_line(item.box()) for item in scene.objects)]
    return "\n".join(lines)


def _box_line(box: Box) -> str:
    return f"{box.name}: [{box.x1:.3f}, {box.y1:.3f}, {box.x2:.3f}, {box.y2:.3f}]"


def _worse(random: Random, exchange: _Exchange, kind: str, scene_seed: int) -> str:
    """A response that people would like less than `exchange.better`."""
    if kind == "curt":
        return exchange.raw
    if kind == "noise":
        return roughen(random, exchange.better)
    if kind == "cut":
        words = exchange.better.split()
        return " ".join(words[: max(1, int(len(words) * random.uniform(0.3, 0.75)))]).rstrip(".!?")
    if kind == "leak":
        scene = draw_scene(scene_seed, "judges")
        tail = random.choice(
            (
                "\n" + "\n".join(_box_line(item.box()) for item in scene.objects),
                "\n### Human: " + random.choice(DETAIL_INSTRUCTIONS),
                "\n (Revised Response): " + exchange.raw,
            )
        )
        return exchange.better + tail
    if kind == "loop":
        parts = split_sentences(random.choice((exchange.better, exchange.raw)))
        again = random.choice(parts)
        if random.random() < 0.5:
            words = again.split()
            start = random.randrange(len(words))
            again = " ".join(words[start : start + random.randint(1, 6)])
        return " ".join([*parts, *[again] * random.randint(2, 7)])
    other = _exchange(random, scene_seed)
    if kind == "off topic":
        fits = other.instruction == exchange.instruction or other.task == exchange.task in ("description", "change")
        return other.raw if fits else other.better
    extra = [roughen(random, sentence) for sentence in split_sentences(other.better)]
    extra += [roughen(random, random.choice((*OPENERS, *CLOSERS))) for _ in range(random.randint(0, 2))]
    parts = [exchange.raw, *extra, *[roughen(random, exchange.better)] * (random.random() < 0.5)]
    random.shuffle(parts)
    return random.choice((" ", ", ", "\n")).join(parts)


def roughen(random: Random, text: str) -> str:
    """Roughen a text: without capitals or periods, with typos, lost or swapped words; about as long."""
    words = text.split()
    done = False
    if random.random() < 0.6:
        words = [word.lower() for word in words]
        done = any(word != word.lower() for word in text.split())
    elif random.random() < 0.2:
        words = [word.upper() for word in words]
        done = True
    if random.random() < 0.6:
        words = [word.rstrip(".!?,") or word for word in words]
        done = True
    rate = random.choice((0.0, 0.08, 0.15, 0.25)) if done else random.choice((0.1, 0.2, 0.3))
    rough = [_typo(random, word) if random.random() < rate else word for word in words]
    if len(rough) > 3 and random.random() < (0.4 if done else 0.7):
        for _ in range(random.randint(1, max(1, len(rough) // 5))):
            index = random.randrange(len(rough) - 1)
            if random.random() < 0.5:
                rough[index], rough[index + 1] = rough[index + 1], rough[index]
            else:
                rough[index] = rough[index + 1]
    return " ".join(rough)


def _typo(random: Random, word: str) -> str:
    """One letter swapped, lost, doubled or replaced; short words stay."""
    if len(word) < 3:
        return word
    index = random.randrange(len(word) - 1)
    way = random.randrange(4)
    if way == 0:
        return word[:index] + word[index + 1] + word[index] + word[index + 2 :]
    if way == 1:
        return word[:index] + word[index + 1 :]
    letter = word[index] if way == 2 else random.choice("abcdefghijklmnopqrstuvwxyz")
    return word[:index] + letter + word[index + (way == 3) :]
