"""Readers of multiple-choice questions: the choices stand in the instruction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...records import Sample
from ...text import is_blank, single_spaced
from ..images import resolve
from ..prompts import LETTERS, lettered, listed
from ..reader import BadRecord, Reader
from ..record_text import distinct, question_of, sentence, shown_text, text_of
from .questions import majority


def with_choices(reader: Reader, key: str | int, question: str, choices: Sequence[str]) -> str:
    """The question with its choices: in a row if few and short, else lettered; without if ``choices=False``."""
    if not choices or not reader.options.get("choices", True):
        return question
    if any(map(is_blank, choices)):
        raise BadRecord("a choice without text")
    letters_already = all(len(choice) == 1 for choice in choices)
    if reader.options.get("letters", True) and not letters_already:
        return reader.wording("choices", key, question=question, choices=lettered(choices))
    return reader.wording("choices_listed", key, question=question, choices=listed(choices))


def a_okvqa(reader: Reader) -> Iterator[Sample]:
    """A-OKVQA: the right choice and the rationales as the draft, the choices in the instruction."""
    file = reader.file("questions")
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number, question = record["question_id"], question_of(record)
            choices = [str(choice) for choice in record.get("choices") or []]
            index = record.get("correct_choice_idx")
            direct = record.get("direct_answers") or []
            if isinstance(direct, str):  # some releases print the list into a string
                direct = [part.strip(" '\"") for part in direct.strip("[]").split(",")]
            answer = _choice(choices, index) if index is not None else majority(direct)
            if is_blank(answer):
                raise BadRecord("empty annotation (the makers publish no answers of the test split)")
            reasons = distinct(
                sentence(single_spaced(text)) for text in record.get("rationales") or [] if not is_blank(text)
            )
            reasons = reasons[: reader.options.get("rationales")]
            yield reader.sample(
                number,
                images=(reader.image(id=int(record["image_id"])),),
                instruction=with_choices(reader, number, question, choices),
                raw=" ".join([f"Answer: {sentence(answer)}", *reasons]),
                image_id=record["image_id"],
                question=question,
                answer=answer,
                choices=choices,
                answers=[str(item) for item in direct],
            )


def _choice(choices: Sequence[str], index: Any) -> str:
    if not isinstance(index, int) or not 0 <= index < len(choices):
        raise BadRecord(f"the right choice is number {index!r} of {len(choices)}")
    return shown_text(choices[index], "right choice")


def science_qa(reader: Reader) -> Iterator[Sample]:
    """ScienceQA: context, question and choices; the answer and its solution. About half have no image."""
    file, split_file = reader.file("problems"), reader.files("splits")
    wanted: set[str] | None = None
    if split_file:
        wanted = {
            str(pid) for section, _, pid in reader.items(split_file[0], {reader.split}) if section == reader.split
        }
    for _, key, record in reader.items(file, keyed=True):
        if isinstance(record, dict) and (
            str(key) not in wanted if wanted is not None else record.get("split") != reader.split
        ):
            continue
        with reader.keep(file, key):
            question, hint = question_of(record), text_of(record, "hint") if record.get("hint") else ""
            choices = [str(choice) for choice in record["choices"]]
            answer = _choice(choices, record["answer"])
            reason = next(
                filter(None, map(single_spaced, (record.get("solution") or "", record.get("lecture") or ""))), ""
            )
            asked = with_choices(reader, key, question, choices)
            name = record.get("image")
            yield reader.sample(
                key,
                images=(reader.image(pid=key, file=name),) if name else (),
                instruction=reader.wording("hint", key, hint=hint, question=asked) if hint else asked,
                raw=f"Answer: {sentence(answer)} {sentence(reason)}",
                question=question,
                answer=answer,
                choices=choices,
                subject=record.get("subject", ""),
            )


def icon_qa(reader: Reader) -> Iterator[Sample]:
    """IconQA: one folder a problem; choices are texts, images, or there are none and a blank is filled in."""
    files = reader.files("problems") or [reader.file("problems")]
    for file in files:
        folder = file.rpartition("/")[0]
        key = "-".join(folder.split("/")[-2:])
        with reader.keep(file, key):
            record = json.loads(resolve(reader.root, file).read_bytes())
            question = question_of(record)
            choices = [str(choice) for choice in record.get("choices") or []]
            pictures = bool(choices) and all(choice.endswith(".png") for choice in choices)
            images = [f"{folder}/image.png", *(f"{folder}/{choice}" for choice in choices if pictures)]
            if any(".." in choice.split("/") or choice.startswith("/") for choice in choices if pictures):
                raise BadRecord("the image path leaves the root")
            if not choices:
                answer, asked = str(record["answer"]), question
            elif pictures:
                _choice(choices, int(record["answer"]))
                answer = f"({LETTERS[int(record['answer'])]})"
                names = [f"image {index}" for index in range(2, len(choices) + 2)]
                asked = reader.wording("choices_images", key, question=question, choices=lettered(names))
            else:
                answer = _choice(choices, int(record["answer"]))
                asked = with_choices(reader, key, question, choices)
            yield reader.sample(
                key,
                images=images,
                instruction=asked,
                raw=answer,
                question=question,
                choices=choices,
                kind=folder.split("/")[-2],
            )


def _label_mark(reader: Reader, file: str, image: str) -> dict[str, Any] | None:
    """The letters that AI2D paints over a diagram's own labels, as a mark; None if its annotation isn't there."""
    path = resolve(reader.root, file.replace("questions/", "annotations/"))
    if not path.is_file():
        return None
    width, height = reader.size(image)
    at, letters = [], []
    for item in json.loads(path.read_bytes()).get("text", {}).values():
        (x1, y1), (x2, y2) = item["rectangle"]
        at.append([round(x1 / width, 4), round(y1 / height, 4), round(x2 / width, 4), round(y2 / height, 4)])
        letters.append(str(item["replacementText"]))
    return {"kind": "letters", "at": at, "text": letters}


def ai2d(reader: Reader) -> Iterator[Sample]:
    """AI2D: one question file a diagram, keyed by question; questions about letters get the letters painted on."""
    files = reader.files("questions") or [reader.file("questions")]
    listing = reader.files("test_ids")
    held = {line.strip().strip('"').removesuffix(".png") for _, line in reader.lines(listing[0])} if listing else None
    for file in files:
        stem = file.rpartition("/")[2].split(".")[0]
        if (reader.split == "test") != (held is None or stem in held):
            continue
        questions: dict[str, Any] = {}
        with reader.keep(file, stem, part=True):
            content = json.loads(resolve(reader.root, file).read_bytes())["questions"]
            if not isinstance(content, dict):
                raise BadRecord("the field questions is not an object")
            questions = content
        for index, (question, record) in enumerate(questions.items()):
            with reader.keep(file, record.get("questionId", index) if isinstance(record, dict) else index):
                choices = [str(choice) for choice in record["answerTexts"]]
                question = shown_text(question, "question")
                image = reader.image(look=bool(record.get("abcLabel")), stem=stem)
                mark = _label_mark(reader, file, image) if record.get("abcLabel") else None
                if record.get("abcLabel") and mark is None:
                    raise BadRecord("a question about letters in the diagram, but its annotation is missing")
                key = record.get("questionId", f"{stem}-{index}")
                extra: dict[str, Any] = {"mark": mark} if mark else {}
                yield reader.sample(
                    key,
                    images=(image,),
                    instruction=with_choices(reader, key, question, choices),
                    raw=_choice(choices, record["correctAnswer"]),
                    question=question,
                    choices=choices,
                    **extra,
                )
