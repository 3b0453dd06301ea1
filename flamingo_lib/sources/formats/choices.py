"""Readers of multiple-choice questions: the choices stand in the instruction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...records import Sample
from ..images import resolve
from ..prompts import LETTERS, lettered, listed
from ..reader import BadRecord, Reading, distinct, sentence, text_of
from .questions import majority


def with_choices(reading: Reading, key: str | int, question: str, choices: Sequence[str]) -> str:
    """The question with its choices: in a row where there are few short ones, else lettered. ``choices=False`` leaves
    them out.
    """
    if not choices or not reading.options.get("choices", True):
        return question
    letters_already = all(len(choice) == 1 for choice in choices)
    if reading.options.get("letters", True) and not letters_already:
        return reading.wording("choices", key, question=question, choices=lettered(choices))
    return reading.wording("choices_listed", key, question=question, choices=listed(choices))


def a_okvqa(reading: Reading) -> Iterator[Sample]:
    """A-OKVQA: the right choice and the rationales as the draft, the choices in the instruction."""
    file = reading.file("questions")
    for _, key, record in reading.items(file):
        with reading.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number, question = record["question_id"], text_of(record, "question")
            choices = [str(choice) for choice in record.get("choices") or []]
            index = record.get("correct_choice_idx")
            direct = record.get("direct_answers") or []
            if isinstance(direct, str):  # some releases print the list into a string
                direct = [part.strip(" '\"") for part in direct.strip("[]").split(",")]
            answer = _choice(choices, index) if index is not None else majority(direct)
            if not answer:
                raise BadRecord("empty annotation (the makers publish no answers of the test split)")
            reasons = distinct(
                sentence(" ".join(text.split())) for text in record.get("rationales") or [] if text.strip()
            )
            reasons = reasons[: reading.options.get("rationales")]
            yield reading.sample(
                number,
                images=(reading.image(id=int(record["image_id"])),),
                instruction=with_choices(reading, number, question, choices),
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
    return choices[index]


def science_qa(reading: Reading) -> Iterator[Sample]:
    """ScienceQA: context, question and choices; the answer and its solution. About half have no image."""
    file, split_file = reading.file("problems"), reading.files("splits")
    wanted: set[str] | None = None
    if split_file:
        wanted = {
            str(pid) for section, _, pid in reading.items(split_file[0], {reading.split}) if section == reading.split
        }
    for _, key, record in reading.items(file):
        if isinstance(record, dict) and (
            str(key) not in wanted if wanted is not None else record.get("split") != reading.split
        ):
            continue
        with reading.keep(file, key):
            question, hint = text_of(record, "question"), text_of(record, "hint") if record.get("hint") else ""
            choices = [str(choice) for choice in record["choices"]]
            answer = _choice(choices, record["answer"])
            reason = " ".join((record.get("solution") or record.get("lecture") or "").split())
            asked = with_choices(reading, key, question, choices)
            name = record.get("image")
            yield reading.sample(
                key,
                images=(reading.image(pid=key, file=name),) if name else (),
                instruction=reading.wording("hint", key, hint=hint, question=asked) if hint else asked,
                raw=f"Answer: {sentence(answer)} {sentence(reason)}",
                question=question,
                answer=answer,
                choices=choices,
                subject=record.get("subject", ""),
            )


def icon_qa(reading: Reading) -> Iterator[Sample]:
    """IconQA: one folder a problem; choices are texts, images, or there are none and a blank is filled in."""
    files = reading.files("problems") or [reading.file("problems")]
    for file in files:
        folder = file.rpartition("/")[0]
        key = "-".join(folder.split("/")[-2:])
        with reading.keep(file, key):
            record = json.loads(resolve(reading.root, file).read_bytes())
            question = text_of(record, "question")
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
                names = [f"image {place}" for place in range(2, len(choices) + 2)]
                asked = reading.wording("choices_images", key, question=question, choices=lettered(names))
            else:
                answer = _choice(choices, int(record["answer"]))
                asked = with_choices(reading, key, question, choices)
            yield reading.sample(
                key,
                images=images,
                instruction=asked,
                raw=answer,
                question=question,
                choices=choices,
                kind=folder.split("/")[-2],
            )


def _label_mark(reading: Reading, file: str, image: str) -> dict[str, Any] | None:
    """The letters that AI2D paints over a diagram's own labels, as a mark; None if its annotation isn't there."""
    path = resolve(reading.root, file.replace("questions/", "annotations/"))
    if not path.is_file():
        return None
    width, height = reading.size(image)
    at, letters = [], []
    for item in json.loads(path.read_bytes()).get("text", {}).values():
        (x1, y1), (x2, y2) = item["rectangle"]
        at.append([round(x1 / width, 4), round(y1 / height, 4), round(x2 / width, 4), round(y2 / height, 4)])
        letters.append(str(item["replacementText"]))
    return {"kind": "letters", "at": at, "text": letters}


def ai2d(reading: Reading) -> Iterator[Sample]:
    """AI2D: one question file a diagram, the question being the key. Questions about letters get the letters painted
    on.
    """
    files = reading.files("questions") or [reading.file("questions")]
    listing = reading.files("test_ids")
    held = {line.strip().strip('"').removesuffix(".png") for _, line in reading.lines(listing[0])} if listing else None
    for file in files:
        stem = file.rpartition("/")[2].split(".")[0]
        if (reading.split == "test") != (held is None or stem in held):
            continue
        questions: dict[str, Any] = {}
        with reading.keep(file, stem):
            questions = json.loads(resolve(reading.root, file).read_bytes())["questions"]
        for place, (question, record) in enumerate(questions.items()):
            with reading.keep(file, record.get("questionId", place) if isinstance(record, dict) else place):
                choices = [str(choice) for choice in record["answerTexts"]]
                image = reading.image(look=bool(record.get("abcLabel")), stem=stem)
                mark = _label_mark(reading, file, image) if record.get("abcLabel") else None
                if record.get("abcLabel") and mark is None:
                    raise BadRecord("a question about letters in the diagram, but its annotation is missing")
                key = record.get("questionId", f"{stem}-{place}")
                yield reading.sample(
                    key,
                    images=(image,),
                    instruction=with_choices(reading, key, question, choices),
                    raw=_choice(choices, record["correctAnswer"]),
                    question=question,
                    choices=choices,
                    **({"mark": mark} if mark else {}),
                )
