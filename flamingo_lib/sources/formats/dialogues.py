"""Readers of instructions and dialogues with polite responses: sources of distortion, text-only sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...records import Sample, Turn
from ...text import is_blank
from ..html_text import answer_text, is_html_dump
from ..reader import BadRecord, Reader

HUMAN = frozenset({"human", "user", "prompter"})
ASSISTANT = frozenset({"gpt", "chatgpt", "assistant", "bing", "bard"})

_image_tag = re.compile(r"\s*<image>\s*")


def pair_up(messages: list[tuple[str, str]], images: int = 0) -> tuple[Turn, ...]:
    """Exchanges of (role, text) messages, from the first human turn on; a last unanswered one is left out.

    Args:
        images: how many images the dialogue has. Each ``<image>`` tag is taken out of the text and counted in its turn
            (of one that is left out, in the next); without any tag all images stand in the first turn.

    Raises:
        BadRecord: an unknown speaker, or more or fewer tags than images.
    """
    turns: list[Turn] = []
    question: str | None = None
    tags = waiting = 0
    for role, text in messages:
        text, shown = _image_tag.subn("\n", text) if images else (text, 0)
        tags, waiting = tags + shown, waiting + shown
        text = text.strip()
        if role in HUMAN:
            question = text if question is None else f"{question}\n{text}"
        elif role in ASSISTANT:
            if question and not is_blank(question) and not is_blank(text):
                turns.append(Turn(question, text, waiting))
                waiting = 0
            elif turns and question is None and not is_blank(text):  # two answers in a row are one
                turns[-1] = replace(turns[-1], response=f"{turns[-1].response}\n{text}")
            question = None
        elif role != "system":
            raise BadRecord(f"an unknown speaker: {role!r}")
    if tags not in (0, images):
        raise BadRecord(f"{tags} <image> tags but {images} images")
    if turns and not tags:
        turns[0] = replace(turns[0], images=images)
    return tuple(turns)


def as_sample(
    reader: Reader, key: str | int, turns: tuple[Turn, ...], images: tuple[str, ...] = (), **meta: Any
) -> Sample:
    """A sample of `turns`: the first is its instruction and response; several of them all stand in `turns`.

    Args:
        images: in the order in which the turns bring them; those of a last turn that was left out are left out, too.
    """
    if not turns:
        raise BadRecord("empty annotation: no exchange of a question and an answer")
    return reader.sample(
        key,
        images=images[: sum(turn.images for turn in turns)],
        instruction=turns[0].instruction,
        raw=turns[0].response or "",
        turns=turns if len(turns) > 1 else (),
        **meta,
    )


def llava(reader: Reader) -> Iterator[Sample]:
    """LLaVA-Instruct: dialogues over an image, or several; each stands in the turn that has its tag ``<image>``."""
    file = reader.file("dialogues")
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("id", key) if isinstance(record, dict) else key):
            messages = [(str(item["from"]), item["value"]) for item in record["conversations"]]
            named = record.get("image") or ()
            images = tuple(reader.image(image=name) for name in ((named,) if isinstance(named, str) else named))
            if not images and any(_image_tag.search(text) for _, text in messages):
                raise BadRecord("an <image> tag but no image")
            yield as_sample(reader, record["id"], pair_up(messages, len(images)), images)


def ultrachat(reader: Reader) -> Iterator[Sample]:
    """UltraChat: JSON lines of texts, user and assistant in turn."""
    files = reader.files("dialogues") or [reader.file("dialogues")]
    for file in files:
        for _, key, record in reader.items(file, lines=True):
            with reader.keep(file, f"line {key}"):
                texts = record["data"]
                if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                    raise BadRecord("the field data is not a list of texts")
                roles = ("human", "assistant")
                yield as_sample(
                    reader,
                    record.get("id", key),
                    pair_up([(roles[index % 2], text) for index, text in enumerate(texts)]),
                )


def sharegpt(reader: Reader) -> Iterator[Sample]:
    """ShareGPT as Vicuna published it: several speakers' names, answers that may be HTML, any beginning and end."""
    files = reader.files("dialogues") or [reader.file("dialogues")]
    for file in files:
        dump = is_html_dump(file)
        for _, key, record in reader.items(file, lines=True):
            with reader.keep(file, record.get("id", key) if isinstance(record, dict) else key):
                messages = [(str(item["from"]).lower(), item["value"]) for item in record["conversations"]]
                messages = [(role, answer_text(text, html_dump=dump and role in ASSISTANT)) for role, text in messages]
                yield as_sample(reader, record.get("id", key), pair_up(messages))
