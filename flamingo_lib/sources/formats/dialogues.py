"""Readers of instructions and dialogues whose responses are polite already: the sources of distortion, and the
text-only sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...records import Sample, Turn
from ...text import is_blank
from ..html_text import answer_text, is_html_dump
from ..reader import BadRecord, Reader

HUMAN = frozenset({"human", "user", "prompter"})
ASSISTANT = frozenset({"gpt", "chatgpt", "assistant", "bing", "bard"})

_image_mark = re.compile(r"\s*<image>\s*")


def pair_up(messages: list[tuple[str, str]]) -> tuple[Turn, ...]:
    """Exchanges of (role, text) messages: what comes before the first human turn and a last unanswered one are left
    out.
    """
    turns: list[Turn] = []
    question: str | None = None
    for role, text in messages:
        text = text.strip()
        if role in HUMAN:
            question = text if question is None else f"{question}\n{text}"
        elif role in ASSISTANT:
            if question and not is_blank(question) and not is_blank(text):
                turns.append(Turn(question, text))
            elif turns and question is None and not is_blank(text):  # two answers in a row are one
                turns[-1] = Turn(turns[-1].instruction, f"{turns[-1].response}\n{text}")
            question = None
        elif role != "system":
            raise BadRecord(f"an unknown speaker: {role!r}")
    return tuple(turns)


def as_sample(
    reader: Reader, key: str | int, turns: tuple[Turn, ...], images: tuple[str, ...] = (), **meta: Any
) -> Sample:
    """A sample of `turns`: the first is its instruction and response, all of them stand in `turns` if there are
    several.
    """
    if not turns:
        raise BadRecord("empty annotation: no exchange of a question and an answer")
    return reader.sample(
        key,
        images=images,
        instruction=turns[0].instruction,
        raw=turns[0].response,
        turns=turns if len(turns) > 1 else (),
        **meta,
    )


def llava(reader: Reader) -> Iterator[Sample]:
    """LLaVA-Instruct: dialogues over one image, the tag ``<image>`` taken out of the text."""
    file = reader.file("dialogues")
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("id", key) if isinstance(record, dict) else key):
            messages = [(str(item["from"]), _image_mark.sub("\n", item["value"])) for item in record["conversations"]]
            name = record.get("image")
            images = (reader.image(image=name),) if name else ()
            yield as_sample(reader, record["id"], pair_up(messages), images)


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
                    pair_up([(roles[place % 2], text) for place, text in enumerate(texts)]),
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
