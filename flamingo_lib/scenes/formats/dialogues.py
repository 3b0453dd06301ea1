"""Polite dialogues: LLaVA-Instruct over pictures, UltraChat and ShareGPT without."""

from __future__ import annotations

from random import Random
from typing import Any

from ..language import conversation, paragraph, reasoning, text_dialogue
from ..phrases import DETAIL_INSTRUCTIONS
from ..questions import Question, ask, possible_types
from .album import Album, Entry
from .coco import write_annotations
from .vqa import CHOICE_TYPES, four_choices

ULTRACHAT_FILE = "ultrachat_release_230407_Questions about the World [Part I + Part II].json"
SHAREGPT_FILE = "sg_90k_part1_html_cleaned.json"

DETAIL_EVERY, REASONING_EVERY = (4, 5), (3, 5)
"""Shares of pictures that get a detailed description, or a reasoning question; each picture gets a conversation."""

TYPE_WEIGHTS = {"count": 0.8, "existence": 0.6, "side": 0.8, "position": 1.3}
"""How often a conversation asks each type of question, against 1 of the others. People who chat about a picture ask
where things are, and seldom for what annotations are full of: counts, sides, whether something is there.
"""

CHOICES_SHARE = 0.4
CHOICE_WORDINGS = ("Is it {}?", "Choose one: {}.", "Pick from {}.", "Choose from these: {}.", "{}?")


def _record(generator: Random, entry: Entry, turns: list[tuple[str, str]]) -> dict[str, Any]:
    """One LLaVA-Instruct record; the picture's tag stands before or behind the first instruction."""
    messages = []
    for index, (instruction, response) in enumerate(turns):
        if index == 0:
            instruction = f"<image>\n{instruction}" if generator.random() < 0.5 else f"{instruction}\n<image>"
        messages += [{"from": "human", "value": instruction}, {"from": "gpt", "value": response}]
    return {"id": f"{entry.image_id:012d}", "image": f"{entry.image_id:012d}.jpg", "conversations": messages}


def _chosen(entry: Entry, share: tuple[int, int], offset: int = 0) -> bool:
    return (entry.number + offset) % share[1] < share[0]


def _with_choices(generator: Random, question: Question) -> str:
    """The question's text, now and then with answers to choose from, as people ask."""
    if question.type not in CHOICE_TYPES or generator.random() >= CHOICES_SHARE:
        return question.text
    *first, last = four_choices(generator, question)
    return f"{question.text} {generator.choice(CHOICE_WORDINGS).format(', '.join(first) + f', or {last}')}"


def write_llava(album: Album, entries: list[Entry]) -> dict[str, int]:
    """The three files of LLaVA-Instruct, the pictures, and their COCO captions and boxes; returns records by split."""
    detail, conversations, reasons = [], [], []
    for entry in entries:
        album.add(entry, "llava-instruct", f"train2017/{entry.image_id:012d}.jpg")
        generator = album.random("llava", entry.image_id)
        types = possible_types(entry.scene)
        asked = generator.choices(types, [TYPE_WEIGHTS.get(kind, 1.0) for kind in types], k=generator.randint(1, 3))
        questions = [ask(entry.scene, generator, kind) for kind in asked]
        unique = list({question.text: question for question in questions}.values())
        turns = [
            (_with_choices(generator, question), answer)
            for question, (_, answer) in zip(unique, conversation(generator, entry.scene, unique), strict=True)
        ]
        conversations.append(_record(generator, entry, turns))
        if _chosen(entry, DETAIL_EVERY):
            turn = (generator.choice(DETAIL_INSTRUCTIONS), paragraph(generator, entry.scene))
            detail.append(_record(generator, entry, [turn]))
        if _chosen(entry, REASONING_EVERY, 2):
            instruction, answer, _ = reasoning(generator, entry.scene)
            reasons.append(_record(generator, entry, [(instruction, answer)]))
    files = {
        "detail": ("detail_23k", detail),
        "conversation": ("conversation_58k", conversations),
        "reasoning": ("complex_reasoning_77k", reasons),
    }
    for name, records in files.values():
        album.write("llava-instruct", f"{name}.json", records)
    write_annotations(album, "llava-instruct", entries, "train", year=2017)
    return {split: len(records) for split, (_, records) in files.items()}


def _turns(generator: Random) -> list[tuple[str, str]]:
    turns: dict[str, str] = {}
    for _ in range(generator.choice((1, 1, 2, 3))):
        instruction, answer, _ = text_dialogue(generator)
        turns.setdefault(instruction, answer)
    return list(turns.items())


def write_text_dialogues(album: Album, count: int) -> dict[str, int]:
    """`count` dialogues without pictures, half as UltraChat and half as ShareGPT; returns how many each got."""
    chats, shared = [], []
    for number in range(count):
        generator = album.random("text", number)
        turns = _turns(generator)
        if number % 2 == 0:
            chats.append({"id": str(number), "data": [text for turn in turns for text in turn]})
        else:
            messages = [
                {"from": speaker, "value": text}
                for turn in turns
                for speaker, text in zip(("human", "gpt"), turn, strict=True)
            ]
            shared.append({"id": f"{generator.getrandbits(35):07x}_0", "conversations": messages})
    album.write("ultrachat", ULTRACHAT_FILE, chats, lines=True)
    album.write("sharegpt", SHAREGPT_FILE, shared)
    return {"ultrachat": len(chats), "sharegpt": len(shared)}
