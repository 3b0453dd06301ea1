"""Readers of questions about images: VQA's pair of files, and one record a question (A-OKVQA, CLEVR, GQA, VSR, ...)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ...records import Sample
from ...text import is_blank, single_spaced
from ..reader import BadRecord, Reader
from ..record_text import question_of, sentence


def majority(answers: Iterable[Any]) -> str:
    """The most frequent answer, case and outer spaces aside; of equals, the first given. Empty if there is none."""
    texts = [
        str(answer.get("raw_answer") or answer.get("answer") or "") if isinstance(answer, dict) else str(answer)
        for answer in answers
    ]
    counts = Counter(text.strip().lower() for text in texts if not is_blank(text))
    if not counts:
        return ""
    winner = max(counts, key=counts.__getitem__)
    return next(text.strip() for text in texts if text.strip().lower() == winner)


def vqa_pairs(reader: Reader) -> Iterator[Sample]:
    """VQA-v2 and OK-VQA: a questions file and an annotations file, joined on ``question_id``."""
    file = reader.file("questions")
    questions: dict[int, tuple[int, str]] = {}
    for _, key, record in reader.items(file, {"questions"}):
        with reader.keep(file, record.get("question_id", key) if isinstance(record, dict) else key, part=True):
            number = record["question_id"]
            if number in questions:
                raise BadRecord(f"duplicate id: {number}")
            questions[number] = (record["image_id"], question_of(record))
    found = reader.files("annotations")
    if not found and reader.split in reader.row.unlabelled:
        for number in questions:
            reader.put_aside(file, number, "empty annotation (the makers publish no answers of this split)")
        return
    file = reader.file("annotations")
    answered = set()
    for _, key, record in reader.items(file, {"annotations"}):
        with reader.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number = record["question_id"]
            if number in answered:
                raise BadRecord(f"duplicate id: {number}")
            if number not in questions:
                raise BadRecord("an answer to a question that the questions file lacks")
            image, question = questions[number]
            answered.add(number)
            given = record.get("answers") or []
            common = record.get("multiple_choice_answer") or majority(given)
            if reader.options.get("raw_answers"):  # `answer` is stemmed there, `raw_answer` is what people wrote
                common = majority(given) or common
            yield reader.sample(
                number,
                images=(reader.image(id=int(image)),),
                instruction=question,
                raw=str(common),
                image_id=image,
                question=question,
                answer_type=record.get("answer_type", ""),
                answers=[str(item.get("raw_answer") or item.get("answer") or "") for item in given],
            )
    for number in questions.keys() - answered:
        reader.put_aside(reader.files("questions")[0], number, "a question without an annotation")


def clevr(reader: Reader) -> Iterator[Sample]:
    """CLEVR: question and one-word answer."""
    file = reader.file("questions")
    for _, key, record in reader.items(file, {"questions"}):
        with reader.keep(file, record.get("question_index", key) if isinstance(record, dict) else key):
            question = question_of(record)
            yield reader.sample(
                record.get("question_index", key),
                images=(reader.image(file=record["image_filename"]),),
                instruction=question,
                raw=str(record.get("answer", "")),
                question=question,
            )


def gqa(reader: Reader) -> Iterator[Sample]:
    """GQA: an object keyed by question id, or a folder of such; short answers, or sentences (``full_answer=True``)."""
    files = reader.files("questions") or [reader.file("questions")]
    field = "fullAnswer" if reader.options.get("full_answer") else "answer"
    for file in files:
        for _, key, record in reader.items(file, keyed=True):
            with reader.keep(file, key):
                question = question_of(record)
                yield reader.sample(
                    key,
                    images=(reader.image(id=str(record["imageId"])),),
                    instruction=question,
                    raw=str(record.get(field) or record.get("answer") or ""),
                    image_id=str(record["imageId"]),
                    question=question,
                    full_answer=str(record.get("fullAnswer", "")),
                )


def text_vqa(reader: Reader) -> Iterator[Sample]:
    """TextVQA: ten answers a question, the majority is the draft."""
    file = reader.file("questions")
    for _, key, record in reader.items(file, {"data"}):
        with reader.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            question, answers = question_of(record), record.get("answers") or []
            yield reader.sample(
                record["question_id"],
                images=(reader.image(id=str(record["image_id"])),),
                instruction=question,
                raw=majority(answers),
                image_id=str(record["image_id"]),
                question=question,
                answers=[str(answer) for answer in answers],
            )


def ocr_vqa(reader: Reader) -> Iterator[Sample]:
    """OCR-VQA: book covers keyed by id, parallel lists of questions and answers, the split a number."""
    file = reader.file("questions")
    number = {"train": 1, "val": 2, "test": 3}[reader.split]
    for _, key, record in reader.items(file, keyed=True):
        if isinstance(record, dict) and record.get("split", 1) != number:
            continue
        pairs: list[tuple[str, str]] = []
        image = ""
        with reader.keep(file, key, part=True):
            questions, answers = record["questions"], record["answers"]
            if len(questions) != len(answers):
                raise BadRecord(f"{len(questions)} questions but {len(answers)} answers")
            ending = "." + record.get("imageURL", "").rsplit("/", 1)[-1].rpartition(".")[2]
            image = reader.image(id=key, ext=ending if ending != "." else ".jpg")
            pairs = list(zip(questions, answers, strict=True))
        for index, (question, answer) in enumerate(pairs):
            with reader.keep(file, f"{key}-{index}"):
                yield reader.sample(
                    f"{key}-{index}", images=(image,), instruction=question, raw=str(answer), question=question
                )


def vqa_e(reader: Reader) -> Iterator[Sample]:
    """VQA-E: the answer and its explanation. There is no question id, so the position in the file is the key."""
    file = reader.file("questions")
    for _, key, record in reader.items(file):
        with reader.keep(file, key):
            question = question_of(record)
            image = record["img_id"] if "img_id" in record else record["image_id"]
            answer = record.get("multiple_choice_answer") or majority(record.get("answers") or [])
            given = record["explanation"]
            reason = given if isinstance(given, str) else given[0]  # the second item is a score
            if is_blank(str(answer)) or is_blank(reason):
                raise BadRecord("empty annotation: no answer or no explanation")
            yield reader.sample(
                key,
                images=(reader.image(id=int(image)),),
                instruction=question,
                raw=f"{sentence(str(answer))} {sentence(single_spaced(reason))}",
                image_id=int(image),
                question=question,
                answer=str(answer),
            )


def chart_qa(reader: Reader) -> Iterator[Sample]:
    """ChartQA: questions by people and by machine, in two files."""
    found = [(role, file) for role in ("human", "augmented") for file in reader.files(role)]
    for role, file in found or [("human", reader.file("human"))]:
        for _, key, record in reader.items(file):
            with reader.keep(file, key):
                question = question_of(record, "query")
                yield reader.sample(
                    f"{role}-{key}",
                    images=(reader.image(file=record["imgname"]),),
                    instruction=question,
                    raw=str(record["label"]),
                    question=question,
                )
